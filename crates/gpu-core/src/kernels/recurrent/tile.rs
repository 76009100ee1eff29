//! How an invocation on a GPU multiplies several rows of the state with the weights that it loads once.

use std::fmt::Write;

/// The part of a step that an invocation computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowTile {
    /// Rows of the batch; one unit of each.
    pub rows: usize,
}

impl Default for RowTile {
    fn default() -> RowTile {
        RowTile { rows: 1 }
    }
}

impl RowTile {
    /// WGSL of the products with the packed weights of `gates` gates, and of the units.
    pub fn forward(self, hidden: usize, gates: usize) -> String {
        let (zero, part) = if gates == 1 { ("0.0", ".x") } else { ("vec4<f32>(0.0)", "") };
        let weight = |k: &str| format!("scratch[2u + ({k}) * HIDDEN + j]{part}");
        let mut text = String::new();
        for r in 0..self.rows {
            let _ = writeln!(text, "    var sum{r} = {zero};");
            let _ = writeln!(text, "    let row{r} = min(row + {r}u, BATCH - 1u) * HIDDEN;");
        }
        text += "    if (t == 0u) {\n";
        text += &self.sums(hidden, weight, |r, k| format!("h0[row{r} + {k}]"));
        text += "    } else {\n        let before = (t - 1u) * BATCH * HIDDEN;\n";
        text += &self.sums(hidden, weight, |r, k| format!("y[before + row{r} + {k}]"));
        text += "    }\n";
        text + &self.units("t")
    }

    /// WGSL of the products of the last `gates` of `gradients` gradients per unit with the weights, and of the units.
    pub fn backward(self, hidden: usize, gates: usize, gradients: usize) -> String {
        let mut text = String::new();
        for r in 0..self.rows {
            let _ = writeln!(text, "    var sum{r} = 0.0;");
        }
        text += "    if (!FIRST) {\n";
        for r in 0..self.rows {
            let row = format!("(STEPS - number) * BATCH + min(row + {r}u, BATCH - 1u)");
            let skip = gradients - gates;
            let _ = writeln!(text, "        let row{r} = (({row}) * {gradients}u + {skip}u) * HIDDEN;");
        }
        let weight = |k: &str| format!("w[({k}) * HIDDEN + j]");
        text += &self.sums(gates * hidden, weight, |r, k| format!("dgates[row{r} + {k}]"));
        text += "    }\n";
        text + &self.units("number")
    }

    /// WGSL that adds up `count` products for every row, a few per iteration.
    fn sums(
        self,
        count: usize,
        weight: impl Fn(&str) -> String,
        state: impl Fn(usize, &str) -> String,
    ) -> String {
        let unroll = [4, 2, 1].into_iter().find(|u| count.is_multiple_of(*u)).expect("1 divides");
        let mut text = format!("        for (var k = 0u; k < {count}u; k += {unroll}u) {{\n");
        for u in 0..unroll {
            let k = format!("k + {u}u");
            let _ = writeln!(text, "            let w{u} = {};", weight(&k));
            for r in 0..self.rows {
                let _ = writeln!(text, "            sum{r} += {} * w{u};", state(r, &k));
            }
        }
        text + "        }\n"
    }

    fn units(self, step: &str) -> String {
        let unit = |r: usize| format!("    unit({step}, row + {r}u, j, sum{r});");
        (0..self.rows).map(unit).collect::<Vec<_>>().join("\n")
    }
}
