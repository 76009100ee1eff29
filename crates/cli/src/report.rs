//! The report page of a run.

use anyhow::Result;
use train::metrics::Confusion;
use train::plot::GridImage;
use train::report::RunReport;
use train::{History, Run};

use crate::job::Job;

/// Number of images on the page.
const SAMPLES: usize = 40;

/// The most classes for which a confusion matrix is readable.
const CLASSES: usize = 40;

/// Writes `report.html` into the run's directory: curves, gradient norms, checkpoints, configuration, and a classifier's answers on
/// the test images with its current parameters.
pub fn write(job: &Job, run: &Run, history: &History) -> Result<()> {
    let mut report = RunReport::of(run, history);
    if let Job::Table(table) = job
        && let Some(names) = table.target.classes().filter(|names| names.len() <= CLASSES)
    {
        report.confusion = table.confusion()?.map(|counts| (names.to_vec(), counts));
    }
    let Job::Images(images) = job else {
        return Ok(report.write(run.join("report.html"))?);
    };
    let (set, answers) = (images.test.set(), images.classify(&images.test)?.answers);
    let names: Vec<String> = set.classes().to_vec();
    if names.len() <= CLASSES {
        report.confusion = Some((names.clone(), Confusion::of(set.labels(), &answers, names.len())));
    }
    let [_, height, width] = set.shape();
    let name = |class: u32| names[class as usize].as_str();
    // A prime stride mixes the classes, whether images are sorted by class or classes alternate.
    report.samples = (0..set.len().min(SAMPLES))
        .map(|i| i * 7919 % set.len())
        .map(|i| {
            let (label, answer) = (set.labels()[i], answers[i]);
            let right = label == answer;
            let caption =
                if right { name(label).to_owned() } else { format!("{} -> {}", name(label), name(answer)) };
            GridImage { pixels: set.image(i), height, width, label: caption, ok: Some(right) }
        })
        .collect();
    Ok(report.write(run.join("report.html"))?)
}
