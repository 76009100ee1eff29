//! Python's pickles, as far as PyTorch needs them (<https://docs.python.org/3/library/pickletools.html>). Nothing is executed: a call of a
//! function that is not in the table below gives an object of which only the attributes are kept.

use std::collections::HashMap;
use std::rc::Rc;

use super::Storage;

/// The most values on the stack, in collections, and in the memo together.
const MOST: usize = 1 << 20;
/// The most dimensions of a tensor, and the longest name of a class.
const DIMENSIONS: usize = 64;
const NAME: usize = 256;

/// What a pickle has built. Collections are numbers of entries in the [`Pickle`], so values may refer to themselves.
#[derive(Clone, Debug)]
pub enum Value {
    None,
    Int(i64),
    Text(Rc<str>),
    /// A class or function, as `module.name`.
    Global(Rc<str>),
    /// A tuple, a list or a set.
    List(usize),
    Dict(usize),
    /// An instance of some class; the dictionary has its attributes.
    Object(usize),
    Storage(Rc<Storage>),
    Tensor(Rc<Strided>),
    /// A value that no tensor depends on.
    Other,
    Mark,
}

/// A tensor as a view of a storage, in elements.
#[derive(Debug)]
pub struct Strided {
    pub storage: Rc<Storage>,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// The values of a pickle.
#[derive(Default)]
pub struct Pickle {
    pub lists: Vec<Vec<Value>>,
    pub dicts: Vec<Vec<(Value, Value)>>,
    pub storages: Vec<Rc<Storage>>,
    stack: Vec<Value>,
    memo: HashMap<u32, Value>,
    count: usize,
}

type Outcome<T> = Result<T, String>;

/// Reads one pickle from the front of `bytes`, and what is left of them.
pub fn read(bytes: &[u8]) -> Outcome<(Pickle, Value, &[u8])> {
    let (mut pickle, mut rest) = (Pickle::default(), bytes);
    loop {
        let op = take(&mut rest, 1)?[0];
        if op == b'.' {
            let value = pickle.pop()?;
            return Ok((pickle, value, rest));
        }
        pickle.step(op, &mut rest)?;
        if pickle.count > MOST {
            return Err(format!("a pickle of more than {MOST} values"));
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Outcome<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count).ok_or("the pickle ends early")?;
    *rest = left;
    Ok(taken)
}

/// An unsigned little-endian number of `count` bytes, at most 8.
fn number(rest: &mut &[u8], count: usize) -> Outcome<usize> {
    let mut word = [0; 8];
    word[..count].copy_from_slice(take(rest, count)?);
    usize::try_from(u64::from_le_bytes(word)).map_err(|e| e.to_string())
}

/// A signed little-endian integer of any length; `Other` beyond 64 bits.
fn integer(bytes: &[u8]) -> Value {
    let negative = bytes.last().is_some_and(|&b| b >= 0x80);
    let mut word = [if negative { 0xff } else { 0 }; 8];
    if bytes.len() > 8 {
        return Value::Other;
    }
    word[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(word))
}

fn text(bytes: &[u8]) -> Outcome<Value> {
    Ok(Value::Text(std::str::from_utf8(bytes).map_err(|e| e.to_string())?.into()))
}

fn global(module: &str, name: &str) -> Outcome<Value> {
    if module.len() + name.len() > NAME {
        return Err("a class with a very long name".into());
    }
    Ok(Value::Global(format!("{module}.{name}").into()))
}

fn line<'a>(rest: &mut &'a [u8]) -> Outcome<&'a str> {
    let end = rest.iter().position(|&b| b == b'\n').ok_or("a line without an end")?;
    let line = take(rest, end + 1)?;
    std::str::from_utf8(&line[..end]).map_err(|e| e.to_string())
}

impl Pickle {
    fn push(&mut self, value: Value) {
        self.count += 1;
        self.stack.push(value);
    }

    fn pop(&mut self) -> Outcome<Value> {
        self.stack.pop().filter(|v| !matches!(v, Value::Mark)).ok_or_else(|| "the stack is empty".into())
    }

    /// The values above the last mark, which is removed.
    fn above_mark(&mut self) -> Outcome<Vec<Value>> {
        let at = self.stack.iter().rposition(|v| matches!(v, Value::Mark)).ok_or("a mark is missing")?;
        let values = self.stack.split_off(at + 1);
        self.stack.pop();
        Ok(values)
    }

    fn above(&mut self, count: usize) -> Outcome<Vec<Value>> {
        let mut values = (0..count).map(|_| self.pop()).collect::<Outcome<Vec<_>>>()?;
        values.reverse();
        Ok(values)
    }

    fn list(&mut self, values: Vec<Value>) -> Value {
        self.lists.push(values);
        Value::List(self.lists.len() - 1)
    }

    fn dict(&mut self) -> usize {
        self.dicts.push(vec![]);
        self.dicts.len() - 1
    }

    fn memoize(&mut self, at: usize) -> Outcome<()> {
        let value = self.stack.last().ok_or("the stack is empty")?.clone();
        self.count += 1;
        self.memo.insert(u32::try_from(at).map_err(|e| e.to_string())?, value);
        Ok(())
    }

    fn recall(&mut self, at: usize) -> Outcome<()> {
        let known = u32::try_from(at).ok().and_then(|at| self.memo.get(&at).cloned());
        self.push(known.ok_or_else(|| format!("entry {at} of the memo is missing"))?);
        Ok(())
    }

    fn step(&mut self, op: u8, rest: &mut &[u8]) -> Outcome<()> {
        let value = match op {
            // PROTO, FRAME
            0x80 => return take(rest, 1).map(drop),
            0x95 => return take(rest, 8).map(drop),
            b'(' => Value::Mark,
            b'0' => return self.pop().map(drop),
            b'1' => return self.above_mark().map(drop),
            b'2' => self.stack.last().ok_or("the stack is empty")?.clone(),
            b'N' => Value::None,
            0x88 => Value::Int(1),
            0x89 => Value::Int(0),
            b'K' => Value::Int(number(rest, 1)? as i64),
            b'M' => Value::Int(number(rest, 2)? as i64),
            b'J' => integer(take(rest, 4)?),
            // LONG1, LONG4
            0x8a => {
                let count = number(rest, 1)?;
                integer(take(rest, count)?)
            }
            0x8b => {
                let count = number(rest, 4)?;
                integer(take(rest, count)?)
            }
            b'G' => take(rest, 8).map(|_| Value::Other)?,
            b'X' | 0x8c | 0x8d => {
                let width = match op {
                    b'X' => 4,
                    0x8c => 1,
                    _ => 8,
                };
                let count = number(rest, width)?;
                text(take(rest, count)?)?
            }
            // Bytes, and texts of Python 2
            b'T' | b'B' | b'U' | b'C' | 0x8e | 0x96 => {
                let width = match op {
                    b'T' | b'B' => 4,
                    b'U' | b'C' => 1,
                    _ => 8,
                };
                let count = number(rest, width)?;
                let bytes = take(rest, count)?;
                if matches!(op, b'T' | b'U') { text(bytes).unwrap_or(Value::Other) } else { Value::Other }
            }
            b'}' => Value::Dict(self.dict()),
            b']' | b')' | 0x8f => self.list(vec![]),
            b't' | b'l' | 0x91 => {
                let values = self.above_mark()?;
                self.list(values)
            }
            0x85..=0x87 => {
                let values = self.above(usize::from(op - 0x84))?;
                self.list(values)
            }
            b'd' => {
                let values = self.above_mark()?;
                let at = self.dict();
                self.insert(&Value::Dict(at), values)?;
                Value::Dict(at)
            }
            // APPEND, APPENDS, ADDITEMS
            b'a' | b'e' | 0x90 => {
                let values = if op == b'a' { self.above(1)? } else { self.above_mark()? };
                if let Some(Value::List(at)) = self.stack.last() {
                    self.lists[*at].extend(values);
                }
                return Ok(());
            }
            // SETITEM, SETITEMS
            b's' | b'u' => {
                let values = if op == b's' { self.above(2)? } else { self.above_mark()? };
                let onto = self.stack.last().cloned().ok_or("the stack is empty")?;
                return self.insert(&onto, values);
            }
            b'q' => return number(rest, 1).and_then(|at| self.memoize(at)),
            b'r' => return number(rest, 4).and_then(|at| self.memoize(at)),
            0x94 => return self.memoize(self.memo.len()),
            b'h' => return number(rest, 1).and_then(|at| self.recall(at)),
            b'j' => return number(rest, 4).and_then(|at| self.recall(at)),
            b'c' => {
                let (module, name) = (line(rest)?, line(rest)?);
                global(module, name)?
            }
            0x93 => match &self.above(2)?[..] {
                [Value::Text(module), Value::Text(name)] => global(module, name)?,
                _ => return Err("a global without a name".into()),
            },
            b'Q' => self.storage()?,
            // REDUCE, NEWOBJ, NEWOBJ_EX
            b'R' | 0x81 => {
                let arguments = self.pop()?;
                let function = self.pop()?;
                self.call(&function, &arguments)?
            }
            0x92 => {
                self.above(3)?;
                Value::Object(self.dict())
            }
            b'b' => {
                let state = self.pop()?;
                return self.build(&state);
            }
            other => return Err(format!("opcode {other:#04x} of a kind that torch.save does not write")),
        };
        self.push(value);
        Ok(())
    }

    /// Adds keys and values to a dictionary; anything else takes no notice of them.
    fn insert(&mut self, onto: &Value, values: Vec<Value>) -> Outcome<()> {
        if !values.len().is_multiple_of(2) {
            return Err("a key without a value".into());
        }
        if let Value::Dict(at) | Value::Object(at) = onto {
            let mut values = values.into_iter();
            while let (Some(key), Some(value)) = (values.next(), values.next()) {
                self.dicts[*at].push((key, value));
            }
        }
        Ok(())
    }

    /// The state of an object: a dictionary of attributes, alone or first of a pair. Dictionaries have none that matter.
    fn build(&mut self, state: &Value) -> Outcome<()> {
        let onto = self.stack.last().ok_or("the stack is empty")?;
        let state = match state {
            Value::List(at) => self.lists[*at].first().cloned().unwrap_or(Value::None),
            state => state.clone(),
        };
        if let (Value::Object(at), Value::Dict(from)) = (onto, state)
            && *at != from
        {
            let attributes = self.dicts[from].clone();
            self.count += attributes.len();
            self.dicts[*at].extend(attributes);
        }
        Ok(())
    }

    /// `("storage", type, key, location, elements)`, in old files followed by what it is a view of.
    fn storage(&mut self) -> Outcome<Value> {
        let Value::List(at) = self.pop()? else { return Err("a storage that is no tuple".into()) };
        let [_, Value::Global(class), Value::Text(key), _, Value::Int(count), view @ ..] =
            &self.lists[at][..]
        else {
            return Err("a storage of another form than PyTorch's".into());
        };
        if view.iter().any(|v| !matches!(v, Value::None)) {
            return Err("a storage that is a view of another one".into());
        }
        let count = usize::try_from(*count).map_err(|_| "a storage of a negative size")?;
        let Some(dtype) = super::dtype(class) else { return Ok(Value::Other) };
        let storage = Rc::new(Storage { key: key.clone(), dtype, count });
        self.storages.push(storage.clone());
        Ok(Value::Storage(storage))
    }

    fn call(&mut self, function: &Value, arguments: &Value) -> Outcome<Value> {
        let arguments = match arguments {
            Value::List(at) => self.lists[*at].clone(),
            _ => vec![],
        };
        self.count += arguments.len();
        let Value::Global(name) = function else { return Ok(Value::Other) };
        Ok(match (&**name, &arguments[..]) {
            ("collections.OrderedDict", pairs) => {
                let at = self.dict();
                if let [Value::List(pairs)] = pairs {
                    let pairs: Vec<Value> = self.lists[*pairs].clone();
                    self.count += pairs.len();
                    for pair in pairs {
                        if let Value::List(pair) = pair
                            && let [key, value] = &self.lists[pair][..]
                        {
                            self.dicts[at].push((key.clone(), value.clone()));
                        }
                    }
                }
                Value::Dict(at)
            }
            ("torch.Size", [sizes]) => sizes.clone(),
            (
                "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor",
                [Value::Storage(storage), Value::Int(offset), Value::List(shape), Value::List(strides), ..],
            ) => {
                let (shape, strides) = (self.sizes(*shape)?, self.sizes(*strides)?);
                self.count += shape.len() + strides.len();
                let offset = usize::try_from(*offset).map_err(|_| "a negative offset")?;
                Value::Tensor(Rc::new(Strided { storage: storage.clone(), offset, shape, strides }))
            }
            (
                "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state",
                [tensor, ..],
            ) => tensor.clone(),
            ("torch._tensor._rebuild_from_type_v2", [function, _, arguments, ..]) if !matches!(function, Value::Global(name) if **name == *"torch._tensor._rebuild_from_type_v2") => {
                self.call(function, arguments)?
            }
            // A class or a function of another program.
            _ => Value::Object(self.dict()),
        })
    }

    fn sizes(&self, list: usize) -> Outcome<Vec<usize>> {
        let size = |v: &Value| match v {
            Value::Int(n) => usize::try_from(*n).map_err(|_| format!("a size of {n}")),
            _ => Err("a size that is no number".into()),
        };
        let sizes = &self.lists[list];
        if sizes.len() > DIMENSIONS {
            return Err(format!("a tensor of {} dimensions", sizes.len()));
        }
        sizes.iter().map(size).collect()
    }
}
