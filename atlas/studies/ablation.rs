//! Which studies may pass without training, and which with shuffled targets: the rest assert what they are about.

/// Studies whose figures are in their ranges with every learning rate at 0, and why.
const UNTRAINED: &[(&str, &str)] = &[
    ("truncated_bptt", "compares gradients at the initial weights"),
    ("factor_analysis", "learns by expectation maximisation"),
    ("ica", "learns by fixed points and by steps of its own"),
    ("sparse_coding", "learns by proximal steps and least squares"),
    ("natural_patches", "learns by proximal steps and least squares"),
    ("clustering", "learns by k-means and expectation maximisation"),
    ("hopfield", "stores patterns by Hebb's rule, in one step"),
    ("ising", "samples a given distribution"),
    ("annealed_importance", "samples given distributions"),
    ("belief_propagation", "passes messages in given graphs"),
    ("expectation_propagation", "matches moments"),
    ("filters", "filters with given models"),
    ("mcmc", "samples given distributions"),
    ("monte_carlo", "samples given distributions"),
    ("bandits", "estimates means by counts"),
    ("value_iteration", "solves given processes"),
    ("q_learning", "learns a table by steps of its own"),
    ("mcts", "searches a given game"),
    ("double_descent", "solves least squares"),
    ("dyna_q", "learns a table by steps of its own"),
    ("matrix_games", "iterates given games"),
    ("variable_elimination", "sums given tables"),
    ("hidden_markov", "learns by expectation maximisation"),
    ("hierarchical_clustering", "merges clusters"),
    ("topic_model", "learns by Gibbs sampling"),
    ("model_selection", "solves least squares"),
    ("krylov", "multiplies with given matrices"),
    ("tensor_decomposition", "solves least squares"),
    ("vanishing_gradients", "measures gradients at the initial weights"),
];

/// Studies whose figures are in their ranges with shuffled targets, and why.
const SHUFFLED: &[(&str, &str)] = &[
    ("architectures", "learns eight images by heart, whatever their labels"),
    ("linear_models", "compares with the exact solution for the same targets"),
    ("style_transfer", "has no targets"),
    ("truncated_bptt", "compares gradients for the same targets"),
    ("word2vec", "predicts neighbouring words, which are not separate targets"),
    ("glove", "counts neighbouring words, which are not separate targets"),
    ("wav2vec", "predicts hidden frames, which are not separate targets"),
    ("pca", "has no targets"),
    ("factor_analysis", "has no targets"),
    ("ica", "has no targets"),
    ("sparse_coding", "has no targets"),
    ("natural_patches", "has no targets"),
    ("sparse_autoencoders", "has no targets"),
    ("autoencoders", "has no targets"),
    ("stacked_autoencoder", "has no targets"),
    ("vae_codes", "codes images without labels"),
    ("elbo_bounds", "has no targets"),
    ("nce", "has no targets"),
    ("gan", "has no targets"),
    ("cyclegan", "has no targets"),
    ("stylegan", "has no targets"),
    ("kfac", "has no targets"),
    ("flow", "has no targets"),
    ("autoregressive_flow", "has no targets"),
    ("image_flow", "has no targets"),
    ("neural_ode", "has no targets"),
    ("score_matching", "has no targets"),
    ("energy_model", "has no targets"),
    ("boltzmann", "has no targets"),
    ("deep_belief", "has no targets"),
    ("hopfield", "has no targets"),
    ("ising", "has no targets"),
    ("rbm", "has no targets"),
    ("annealed_importance", "has no targets"),
    ("belief_propagation", "has no targets"),
    ("expectation_propagation", "has no targets"),
    ("filters", "has no targets"),
    ("mcmc", "has no targets"),
    ("monte_carlo", "has no targets"),
    ("variational", "has no targets"),
    ("bandits", "learns from rewards"),
    ("value_iteration", "learns from rewards"),
    ("q_learning", "learns from rewards"),
    ("reinforce", "learns from rewards"),
    ("a2c", "learns from rewards"),
    ("ppo", "learns from rewards"),
    ("dqn", "learns from rewards"),
    ("mcts", "learns from rewards"),
    ("self_play", "learns from rewards"),
    ("dyna_q", "learns from rewards"),
    ("ddpg", "learns from rewards"),
    ("matrix_games", "has no targets"),
    ("hidden_markov", "has no targets"),
    ("variable_elimination", "has no targets"),
    ("hierarchical_clustering", "has no targets"),
    ("topic_model", "has no targets"),
    ("tsne", "has no targets"),
    ("umap", "has no targets"),
    ("a3c", "learns from rewards"),
    ("krylov", "compares eigenvalues for the same targets"),
    ("tensor_decomposition", "has no targets"),
    ("constrained", "compares with another solver for the same targets"),
    ("linearization", "compares with the linear model trained on the same targets"),
    ("newton", "compares optimizers on the same targets"),
    ("vanishing_gradients", "measures gradients at the initial weights"),
];

/// What is taken away from the studies.
#[derive(Clone, Copy)]
pub enum Ablation {
    /// Optimizers, whose learning rates are set to 0.
    Training,
    /// The relation of targets to inputs.
    Targets,
}

impl Ablation {
    /// Sets it for all studies that run from now on.
    pub fn begin(self) {
        match self {
            Ablation::Training => atlas::stop_training(),
            Ablation::Targets => atlas::shuffle_targets(),
        }
    }

    /// Prints the studies that pass nevertheless; returns whether they are those for which a reason is known.
    pub fn check(self, studies: impl Iterator<Item = (&'static str, bool)>) -> bool {
        let (how, reasons) = match self {
            Ablation::Training => ("untrained", UNTRAINED),
            Ablation::Targets => ("with shuffled targets", SHUFFLED),
        };
        let (mut count, mut passed, mut known) = (0, 0, true);
        for (name, passes) in studies {
            count += 1;
            passed += usize::from(passes);
            let reason = reasons.iter().find(|(study, _)| *study == name).map(|(_, reason)| *reason);
            match (passes, reason) {
                (true, Some(reason)) => println!("{name} passes {how}: {reason}"),
                (true, None) => println!("{name} passes {how}, AND NO REASON IS KNOWN"),
                (false, Some(_)) => println!("{name} does not pass {how} ANY MORE: take it off the list"),
                (false, None) => {}
            }
            known &= passes == reason.is_some();
        }
        println!("{passed} of {count} studies pass {how}");
        known
    }
}
