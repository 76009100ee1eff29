//! Topic models.

use data::Draws;

/// Latent Dirichlet allocation (Blei, Ng and Jordan 2003) by collapsed Gibbs sampling (Griffiths and Steyvers 2004): every word of a document
/// has a topic, which is drawn anew given those of all other words, with the topics' words and the documents' topics summed out.
#[derive(Clone, Debug)]
pub struct TopicSampler {
    documents: Vec<Vec<usize>>,
    topics: Vec<Vec<usize>>,
    /// Counts `[documents][topics]`, `[topics][words]` and `[topics]`.
    by_document: Vec<Vec<f64>>,
    by_word: Vec<Vec<f64>>,
    totals: Vec<f64>,
    /// Concentrations of the Dirichlet priors of a document's topics and a topic's words.
    prior: (f64, f64),
}

impl TopicSampler {
    /// Random topics for the words, in `0..words`, of documents; `prior` are the concentrations of a document's topics and of a topic's
    /// words.
    ///
    /// # Panics
    /// When a word is not below `words`, or there is no topic.
    #[track_caller]
    pub fn new(
        documents: Vec<Vec<usize>>,
        words: usize,
        topics: usize,
        prior: (f64, f64),
        draws: &mut Draws,
    ) -> TopicSampler {
        let mut sampler = TopicSampler {
            by_document: vec![vec![0.0; topics]; documents.len()],
            by_word: vec![vec![0.0; words]; topics],
            totals: vec![0.0; topics],
            topics: Vec::new(),
            documents,
            prior,
        };
        for d in 0..sampler.documents.len() {
            let length = sampler.documents[d].len();
            let drawn: Vec<usize> = (0..length).map(|_| draws.below(topics as u32) as usize).collect();
            (0..length).for_each(|i| sampler.count(d, sampler.documents[d][i], drawn[i], 1.0));
            sampler.topics.push(drawn);
        }
        sampler
    }

    fn count(&mut self, document: usize, word: usize, topic: usize, by: f64) {
        self.by_document[document][topic] += by;
        self.by_word[topic][word] += by;
        self.totals[topic] += by;
    }

    /// Draws the topic of every word once.
    pub fn sweep(&mut self, draws: &mut Draws) {
        let (alpha, beta) = self.prior;
        let words = self.by_word[0].len() as f64;
        let mut weights = vec![0.0; self.totals.len()];
        for d in 0..self.documents.len() {
            for i in 0..self.documents[d].len() {
                let (word, before) = (self.documents[d][i], self.topics[d][i]);
                self.count(d, word, before, -1.0);
                for (topic, weight) in weights.iter_mut().enumerate() {
                    *weight = (self.by_document[d][topic] + alpha) * (self.by_word[topic][word] + beta)
                        / (self.totals[topic] + words * beta);
                }
                let topic = draws.weighted(&weights);
                self.count(d, word, topic, 1.0);
                self.topics[d][i] = topic;
            }
        }
    }

    /// The topic of every word of every document.
    pub fn assignments(&self) -> &[Vec<usize>] {
        &self.topics
    }

    /// The expected words of each topic given the assignments, `[topics][words]`.
    pub fn words(&self) -> Vec<Vec<f64>> {
        let beta = self.prior.1;
        let row = |(counts, total): (&Vec<f64>, &f64)| {
            counts.iter().map(|count| (count + beta) / (total + counts.len() as f64 * beta)).collect()
        };
        self.by_word.iter().zip(&self.totals).map(row).collect()
    }

    /// The expected topics of each document given the assignments, `[documents][topics]`.
    pub fn mixtures(&self) -> Vec<Vec<f64>> {
        let alpha = self.prior.0;
        let row = |counts: &Vec<f64>| {
            let sum = counts.iter().sum::<f64>() + counts.len() as f64 * alpha;
            counts.iter().map(|count| (count + alpha) / sum).collect()
        };
        self.by_document.iter().map(row).collect()
    }
}
