//! The two-dimensional Ising model by Gibbs sampling in chessboard order: energy and magnetisation against the exact solutions of Onsager
//! (1944) and Yang (1952) on both sides of the critical temperature: `cargo run --release -p wgrad-atlas -- ising`.

use atlas::prelude::*;
use methods::energy::Ising;

pub const STUDY: Study = Study {
    name: "ising",
    about: "Ising lattices at many temperatures, against Onsager's and Yang's exact solutions.",
    on_gpu: true,
    data: None,
    run,
};

/// Means over sweeps and chains, and the spins at the end.
struct Means {
    energy: f64,
    magnetisation: f64,
    spins: Tensor,
}

/// Sweeps lattices whose spins all point up at first.
fn measure(lab: &Lab, side: usize, chains: usize, beta: f64, sweeps: usize) -> Result<Means> {
    let ising = Ising::new(lab.device(), side, beta as f32);
    let generator = Generator::new(lab.seed());
    let mut spins = Tensor::ones(lab.device(), &[chains, side, side]);
    let mut sums = Tensor::zeros(lab.device(), &[2]);
    let (warm_up, every) = (sweeps / 4, 2);
    for step in lab.steps(&format!("beta {beta:.3}"), sweeps) {
        spins = ising.sweep(&spins, &generator);
        if step >= warm_up && (step - warm_up) % every == 0 {
            let sizes = ising.magnetisation(&spins).abs();
            sums = sums + stack(&[&ising.energy(&spins).mean_all(), &sizes.mean_all()], 0);
        }
        wgrad::autograd::evaluate(&[&spins, &sums])?;
    }
    let count = (sweeps - warm_up).div_ceil(every) as f64;
    let sums = sums.to_vec::<f32>()?;
    Ok(Means { energy: f64::from(sums[0]) / count, magnetisation: f64::from(sums[1]) / count, spins })
}

fn run(lab: &mut Lab) -> Result<()> {
    let small = measure(lab, 4, lab.pick(1000, 500), 0.4, lab.pick(1000, 200))?;
    let (energy, size) = Ising::enumerate(4, 0.4);
    lab.expect_same("4 x 4: energy, error", small.energy - energy, -0.02..0.02, 0.01);
    lab.expect_same("4 x 4: magnetisation, error", small.magnetisation - size, -0.02..0.02, 0.01);

    let critical = Ising::critical_beta();
    let (side, chains, sweeps) = lab.pick((64, 16, 2000), (32, 16, 240));
    let shares = lab.pick(&[0.5, 0.7, 0.85, 0.93, 0.98, 1.02, 1.07, 1.15, 1.3, 1.6][..], &[0.7, 1.15]);
    let (mut energies, mut sizes, mut last) = (vec![], vec![], vec![]);
    for &share in shares {
        let beta = share * critical;
        let means = measure(lab, side, chains, beta, sweeps)?;
        // Near the critical point a finite lattice differs from an infinite one.
        if share == 0.7 || share == 1.15 {
            let (energy, size) = (Ising::onsager_energy(beta), Ising::yang_magnetisation(beta));
            lab.expect_same(
                format!("{share} critical: energy, error"),
                means.energy - energy,
                -0.015..0.015,
                0.01,
            );
            if share > 1.0 {
                let error = means.magnetisation - size;
                lab.expect_same(format!("{share} critical: magnetisation, error"), error, -0.01..0.01, 0.01);
            } else {
                // Only fluctuations: about as many spins up as down.
                lab.expect(format!("{share} critical: magnetisation"), means.magnetisation, ..0.12);
            }
        }
        energies.push((1.0 / beta, means.energy));
        sizes.push((1.0 / beta, means.magnetisation));
        last.push((beta, means.spins));
    }
    picture(lab, side, (energies, sizes), &last)
}

type Line = Vec<(f64, f64)>;

fn picture(
    lab: &mut Lab,
    side: usize,
    (energies, sizes): (Line, Line),
    last: &[(f64, Tensor)],
) -> Result<()> {
    let exact = |f: fn(f64) -> f64| {
        (0..=200).map(move |i| 1.35 + 0.0165 * f64::from(i)).map(move |t| (t, f(1.0 / t)))
    };
    let measured = |points: Line| plot::Points::new(format!("{side} x {side}"), points);
    let panels = [
        plot::Panel::new("Energy", "temperature", "a spin")
            .layer(measured(energies))
            .with(plot::Series::new("exact, infinite", exact(Ising::onsager_energy)).exact()),
        plot::Panel::new("Magnetisation", "temperature", "size of the mean spin")
            .layer(measured(sizes))
            .with(plot::Series::new("exact, infinite", exact(Ising::yang_magnetisation)).exact()),
    ];
    let mut figure = plot::Figure::new("The Ising model").columns(2);
    for panel in panels {
        figure = figure.panel(panel);
    }
    for (beta, spins) in [&last[0], &last[last.len() / 2 - usize::from(last.len() > 2)]] {
        let values = spins.select(0, 0).to_vec::<f32>()?.into_iter().map(f64::from).collect();
        let field = plot::Field::matrix(side, side, values).colors(plot::ColorMap::Grey);
        let title = format!("Spins at temperature {:.2}", 1.0 / beta);
        figure = figure.panel(plot::Panel::new(title, "", "").layer(field).equal());
    }
    lab.picture("ising", |path| figure.save(path))
}
