//! Networks, parameters and optimizers.

use models::distributions::{Beta, Categorical, Distribution, Independent, Normal, kl_divergence};
use models::{Aggregation, ConvAutoencoder, EfficientNetOptions, Graph, Init, Mode, ResNet, Sgd, Vgg};

use crate::panics::{Mistake, check, panic_of};
use crate::{cpu, ones, params};

fn normal(n: usize) -> Normal {
    Normal::new(&ones(&[n]), &ones(&[n]))
}

const MISTAKES: &[Mistake] = &[
    ("ResNet, depth", &["depth 21", "6n + 2"], || drop(ResNet::cifar(&params(), 21, 10))),
    ("ResNet, depth of ImageNet's", &["depth 19"], || drop(ResNet::imagenet(&params(), 19, 10))),
    ("ResNet", &["conv2d", "[1, 1, 8, 8]"], || {
        drop(ResNet::cifar(&params(), 8, 10).forward(&ones(&[1, 1, 8, 8]), Mode::Eval))
    }),
    ("ResNet, rank", &["conv2d", "[8, 8]"], || {
        drop(ResNet::cifar(&params(), 8, 10).forward(&ones(&[8, 8]), Mode::Eval))
    }),
    ("Vgg", &["Vgg", "[1, 3, 16, 32]"], || {
        drop(Vgg::cifar(&params(), 11, 10).forward(&ones(&[1, 3, 16, 32]), Mode::Eval))
    }),
    ("EfficientNet", &["EfficientNet", "B8"], || _ = EfficientNetOptions::b(8, 10)),
    ("ConvAutoencoder", &["ConvAutoencoder", "[3]"], || drop(ConvAutoencoder::new(&params(), &[3]))),
    ("ConvAutoencoder, sizes", &["ConvAutoencoder", "[1, 1, 8, 6]"], || {
        drop(ConvAutoencoder::new(&params(), &[1, 2, 2]).encode(&ones(&[1, 1, 8, 6])))
    }),
    ("Graph", &["Graph", "(0, 3)", "3 nodes"], || drop(Graph::new(&cpu(), 3, &[(0, 3)]))),
    ("Graph, aggregate", &["aggregate", "[2, 2]"], || {
        drop(Graph::new(&cpu(), 3, &[(0, 1)]).aggregate(&ones(&[2, 2]), Aggregation::Sum))
    }),
    ("Normal", &["[2]", "[3]"], || drop(Normal::new(&ones(&[2]), &ones(&[3])))),
    ("Normal, log_prob", &["[2]", "[3]"], || drop(normal(2).log_prob(&ones(&[3])))),
    ("kl_divergence", &["[2]", "[3]"], || drop(kl_divergence(&normal(2), &normal(3)))),
    ("Beta", &["[2]", "[3]"], || drop(Beta::new(&ones(&[2]), &ones(&[2])).log_prob(&ones(&[3])))),
    ("Independent", &["Independent", "2 dimensions", "[2]"], || drop(Independent::new(normal(2), 2))),
    ("Categorical", &["Categorical", "[]"], || drop(Categorical::new(&ones(&[])))),
    ("Sgd", &["depends on none of the 2 trainable parameters"], || {
        let (p, other) = (params(), params());
        let _unused = [p.param("a", &[2], Init::ONES), p.param("b", &[2], Init::ONES)];
        let used = other.param("used", &[2], Init::ONES);
        Sgd::new(&p).step(used.value().sum_all().backward(), 0.1).unwrap();
    }),
    ("Sgd, freed graph", &["backward", "freed"], || {
        let p = params();
        let loss = p.param("used", &[2], Init::ONES).value().sum_all();
        Sgd::new(&p).step(loss.backward(), 0.1).unwrap();
        drop(loss.backward());
    }),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}

#[test]
fn parameters_stay_as_they_are() {
    let p = params();
    let w = p.path("a").param("w", &[2, 3], Init::ONES);
    let mistakes: [(&[&str], &dyn Fn()); 4] = [
        (&["a.w"], &|| drop(p.path("a").buffer("w", &[1], Init::ZEROS))),
        (&["a.w"], &|| drop(p.param("a.w", &[1], Init::ZEROS))),
        (&["a.w", "[3, 2]", "[2, 3]"], &|| w.set(&ones(&[3, 2]))),
        (&["a.w"], &|| w.set(&ones(&[2, 3]).gt(0.0))),
    ];
    for (words, f) in mistakes {
        let (message, file) = panic_of(f).expect("a panic");
        assert_eq!(file, file!(), "{message}");
        words.iter().for_each(|w| assert!(message.contains(w), "no \"{w}\" in \"{message}\""));
    }
    assert_eq!(p.count(), 6);
    assert_eq!(w.value().to_vec::<f32>().unwrap(), [1.0; 6]);
}
