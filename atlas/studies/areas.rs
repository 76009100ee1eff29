//! The studies by area, one directory per area.

use atlas::Study;

use crate::{
    energy, generative, graphs, inference, multimodal, numerics, practice, production, reinforcement,
    representation, sequences, supervised, theory, unsupervised, vision,
};

/// The studies of a directory.
pub struct Area {
    pub name: &'static str,
    pub title: &'static str,
    pub studies: &'static [&'static Study],
}

pub const AREAS: &[Area] = &[
    Area { name: "supervised", title: "Supervised models", studies: supervised::STUDIES },
    Area { name: "vision", title: "Vision", studies: vision::STUDIES },
    Area { name: "sequences", title: "Sequences", studies: sequences::STUDIES },
    Area { name: "multimodal", title: "Images and language", studies: multimodal::STUDIES },
    Area { name: "graphs", title: "Graphs", studies: graphs::STUDIES },
    Area { name: "unsupervised", title: "Unsupervised learning", studies: unsupervised::STUDIES },
    Area { name: "generative", title: "Generative models", studies: generative::STUDIES },
    Area { name: "energy", title: "Energy models", studies: energy::STUDIES },
    Area { name: "inference", title: "Probabilistic inference", studies: inference::STUDIES },
    Area {
        name: "representation",
        title: "Representations from few or no labels",
        studies: representation::STUDIES,
    },
    Area { name: "reinforcement", title: "Reinforcement learning", studies: reinforcement::STUDIES },
    Area { name: "practice", title: "Training practice", studies: practice::STUDIES },
    Area { name: "theory", title: "Theory and diagnostics", studies: theory::STUDIES },
    Area { name: "numerics", title: "Numerical methods", studies: numerics::STUDIES },
    Area { name: "production", title: "In production", studies: production::STUDIES },
];
