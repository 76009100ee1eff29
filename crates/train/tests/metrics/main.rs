//! Metrics against the results of scikit-learn, SciPy, sacreBLEU, rouge-score, pycocotools and ArviZ for the same cases
//! (`tests/fixtures/metrics.py`), and against their definitions.

mod close;
mod fixtures;
mod order;
mod samples;
mod streamed;
mod structures;
mod text;
