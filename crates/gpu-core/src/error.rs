//! What can go wrong with devices, memory and shaders.

/// An error of the device layer. Each message says what failed, where, and what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No adapter of the requested kind exists.
    #[error(
        "no {wanted} adapter found; adapters here: {found}. Install the GPU's driver, or use WGRAD_DEVICE=cpu"
    )]
    NoAdapter {
        /// The device name asked for.
        wanted: String,
        /// Names of all adapters of this machine, or `none`.
        found: String,
    },
    /// The device name is not one of the known names.
    #[error(
        "unknown device \"{name}\"; use auto, cpu, vulkan, metal, dx12, software or an adapter index 0..{adapters}"
    )]
    UnknownDevice {
        /// The device name asked for.
        name: String,
        /// Number of adapters of this machine.
        adapters: usize,
    },
    /// The adapter refused to open a device.
    #[error("cannot open {adapter}: {reason}. Update the driver, or use WGRAD_DEVICE=cpu")]
    OpenDevice {
        /// The adapter's name, or `cpu`.
        adapter: String,
        /// The driver's message.
        reason: String,
    },
    /// An allocation failed, or would have exceeded the limit, after all free memory had been given back. `bytes` were requested for
    /// `role`, in addition to `in_use` bytes in use.
    #[error(
        "out of memory on {device}: {bytes} bytes more are needed for {role}, in addition to {in_use} bytes in use{}. \
         Use a smaller batch or model{}",
        limit.map_or(String::new(), |limit| format!(", and the limit is {limit} bytes")),
        if limit.is_some() { ", or raise WGRAD_MEMORY_LIMIT" } else { "" },
    )]
    OutOfMemory {
        /// The device's name.
        device: String,
        /// Bytes requested; 0 when the GPU's queue ran out of memory.
        bytes: usize,
        /// What the memory is for, as in `parameters`.
        role: &'static str,
        /// Bytes in use before the request.
        in_use: u64,
        /// Value of `WGRAD_MEMORY_LIMIT` in bytes, if set.
        limit: Option<u64>,
    },
    /// `WGRAD_MEMORY_LIMIT` is not a valid size.
    #[error("WGRAD_MEMORY_LIMIT is \"{value}\"; use a number of bytes, or a size such as 500MB or 4GiB")]
    MemoryLimit {
        /// The variable's text.
        value: String,
    },
    /// A tensor is larger than what the GPU can bind at once.
    #[error(
        "{kernel} needs {bytes} bytes in one piece, {device} binds at most {limit}. Use a smaller batch, or WGRAD_DEVICE=cpu"
    )]
    TooLarge {
        /// The kernel family.
        kernel: String,
        /// The device's name.
        device: String,
        /// Bytes of the kernel's argument.
        bytes: usize,
        /// Most bytes that one argument may have.
        limit: usize,
    },
    /// An operand that is broadcast, or computed as it is read, has more elements than shaders can count.
    #[error(
        "{kernel} ({shape}) has {elements} elements; {device} can index at most {limit} in 32 bits. Split the operation, use a smaller batch, or WGRAD_DEVICE=cpu"
    )]
    TooManyElements {
        /// The kernel family.
        kernel: String,
        /// The kernel's sizes, as by [`Kernel::shape`](crate::Kernel::shape).
        shape: String,
        /// The device's name.
        device: String,
        /// Elements to be counted.
        elements: usize,
        /// Most elements, [`limits::ELEMENTS`](crate::limits::ELEMENTS).
        limit: usize,
    },
    /// The device is gone (driver reset, unplugged, killed by a watchdog).
    #[error("device {device} was lost: {reason}. Restart from the last checkpoint")]
    DeviceLost {
        /// The device's name.
        device: String,
        /// The driver's message.
        reason: String,
    },
    /// A browser without JavaScript Promise Integration, which cannot suspend a program until the GPU has answered.
    #[error(
        "this browser cannot wait within a program: await Device::request and Tensor::fetch, or use a browser with JavaScript Promise Integration"
    )]
    CannotWait,
    /// A shader was refused by the shader compiler or the driver.
    #[error(
        "shader of kernel {kernel} was refused by {device}: {reason}. This is a bug in wgrad or the driver"
    )]
    Shader {
        /// The kernel family.
        kernel: String,
        /// The device's name.
        device: String,
        /// The compiler's message.
        reason: String,
    },
    /// The values were needed after a step had freed or overwritten their inputs.
    #[error(
        "the graph of {op} recorded at {location} was freed by a step. Read it before the step, or name it as an output of the step"
    )]
    Freed {
        /// The operation.
        op: String,
        /// File, line and column of the program that recorded it.
        location: String,
    },
    /// A value of a tensor of integers that was uploaded is not a class, row or position of what it is an index of.
    #[error(
        "{op} recorded at {location}: index {index} is outside of 0..{count}. Correct the labels or indices, or enlarge what they \
         count: the outputs of the network, the rows of the embedding"
    )]
    IndexOutOfRange {
        /// The operation.
        op: &'static str,
        /// The value.
        index: i64,
        /// The number of classes, rows or positions.
        count: usize,
        /// File, line and column of the program that recorded the operation.
        location: String,
    },
    /// An integer for a tensor does not fit into 32 bits.
    #[error("{value} does not fit into the 32 bits of a tensor's integers")]
    TooLargeInteger {
        /// The integer.
        value: String,
    },
    /// A kernel's CPU twin panicked, or a kernel could not make its shaders. Its outputs are undefined; `launches` launches of its graph
    /// were done before it.
    #[error(
        "kernel {kernel} failed on {device}: {reason}. This is a bug of the kernel; restart from the last checkpoint"
    )]
    Kernel {
        /// The kernel family.
        kernel: String,
        /// The device's name.
        device: String,
        /// The panic's message.
        reason: String,
        /// Launches of the graph that were done before.
        launches: usize,
    },
    /// A function outside of the device, which a graph calls, has failed. `launches` launches of the graph were done before it.
    #[error("{call} failed: {reason}")]
    HostCall {
        /// The function, as by [`HostCall::describe`](crate::HostCall::describe), and its size.
        call: String,
        /// What failed, and what to do.
        reason: String,
        /// Launches of the graph that were done before.
        launches: usize,
    },
    /// A buffer is not valid for the requested use. Nothing was done.
    #[error("{buffer} can't be used on {device}: {reason}")]
    Buffer {
        /// Which buffer, as in `external buffer 0`.
        buffer: String,
        /// The device's name.
        device: String,
        /// What does not fit.
        reason: String,
    },
    /// The GPU interface refused a command.
    #[error("{device} refused a command: {reason}. This is a bug in wgrad or the driver")]
    Command {
        /// The device's name.
        device: String,
        /// The message of the GPU interface.
        reason: String,
    },
}

/// A result of the device layer.
pub type Result<T> = std::result::Result<T, Error>;
