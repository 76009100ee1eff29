//! Metrics against what scikit-learn, SciPy, sacreBLEU, rouge-score, pycocotools and ArviZ make of the same cases
//! (`tests/fixtures/metrics.py`), and by their definitions.

mod close;
mod fixtures;
mod order;
mod samples;
mod streamed;
mod structures;
mod text;
