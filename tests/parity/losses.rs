//! Losses, and distances.

use autograd::{CrossEntropy, Reduction, Tensor, TripletMargin};

use super::call::{Answer, Call, Unsupported};

pub fn run(c: &Call) -> Option<Answer> {
    let found = between_numbers(c).transpose().or_else(|| of_classes(c).transpose());
    found.or_else(|| by_margin(c).transpose()).map(|y| Ok(vec![y?]))
}

type Found = Result<Option<Tensor>, Unsupported>;

fn reduction(c: &Call) -> Result<Reduction, Unsupported> {
    Ok(match c.attrs.text("reduction") {
        None | Some("mean") => Reduction::Mean,
        Some("sum") => Reduction::Sum,
        Some("none") => Reduction::None,
        Some("batchmean") => Reduction::BatchMean,
        Some(other) => return Err(c.without(other)),
    })
}

fn between_numbers(c: &Call) -> Found {
    let (a, x, t) = (&c.attrs, || c.at(0), || c.at(1));
    let or = |key: &str, default: f32| a.float(key).unwrap_or(default);
    Ok(Some(match c.op {
        "mse_loss" => x().mse_loss(t(), reduction(c)?),
        "l1_loss" => x().l1_loss(t(), reduction(c)?),
        "smooth_l1_loss" => x().smooth_l1_loss(t(), or("beta", 1.0), reduction(c)?),
        "huber_loss" => x().huber_loss(t(), or("delta", 1.0), reduction(c)?),
        "kl_div" => x().kl_div(t(), a.flag("log_target"), reduction(c)?),
        "poisson_nll_loss" => {
            let log_input = a.get("log_input").is_none() || a.flag("log_input");
            x().poisson_nll_loss(t(), log_input, a.flag("full"), or("eps", 1e-8), reduction(c)?)
        }
        "gaussian_nll_loss" => {
            x().gaussian_nll_loss(t(), c.named("var"), a.flag("full"), or("eps", 1e-6), reduction(c)?)
        }
        "cosine_similarity" => x().cosine_similarity(t(), a.int("dim").unwrap_or(1), or("eps", 1e-8)),
        "pairwise_distance" => x().pairwise_distance(t(), or("p", 2.0), or("eps", 1e-6)),
        _ => return Ok(None),
    }))
}

fn of_classes(c: &Call) -> Found {
    let (a, x, t) = (&c.attrs, || c.at(0), || c.at(1));
    let ignore = || a.int("ignore_index").unwrap_or(-100) as i32;
    let (weight, pos_weight) = (c.find("weight"), c.find("pos_weight"));
    Ok(Some(match c.op {
        "nll_loss" => x().nll_loss(t(), weight, ignore(), reduction(c)?),
        "cross_entropy" => {
            let label_smoothing = a.float("label_smoothing").unwrap_or(0.0);
            let options =
                CrossEntropy { weight, ignore_index: ignore(), label_smoothing, reduction: reduction(c)? };
            x().cross_entropy_with(t(), options)
        }
        "binary_cross_entropy" => x().binary_cross_entropy(t(), weight, reduction(c)?),
        "binary_cross_entropy_with_logits" => {
            x().binary_cross_entropy_with_logits(t(), weight, pos_weight, reduction(c)?)
        }
        "multilabel_soft_margin_loss" => x().multilabel_soft_margin_loss(t(), weight, reduction(c)?),
        "ctc_loss" => {
            let blank = a.size("blank").unwrap_or(0);
            let log_probs = x().log_softmax(-1);
            let [inputs, targets] = ["input_lengths", "target_lengths"].map(|name| c.named(name));
            log_probs.ctc_loss(t(), inputs, targets, blank, a.flag("zero_infinity"), reduction(c)?)
        }
        _ => return Ok(None),
    }))
}

fn by_margin(c: &Call) -> Found {
    let (a, x, t) = (&c.attrs, || c.at(0), || c.at(1));
    let margin = |default: f32| a.float("margin").unwrap_or(default);
    Ok(Some(match c.op {
        "soft_margin_loss" => x().soft_margin_loss(t(), reduction(c)?),
        "hinge_embedding_loss" => x().hinge_embedding_loss(t(), margin(1.0), reduction(c)?),
        "margin_ranking_loss" => x().margin_ranking_loss(t(), c.at(2), margin(0.0), reduction(c)?),
        "cosine_embedding_loss" => x().cosine_embedding_loss(t(), c.at(2), margin(0.0), reduction(c)?),
        "multi_margin_loss" => {
            let p = a.size("p").unwrap_or(1);
            x().multi_margin_loss(t(), p, margin(1.0), c.find("weight"), reduction(c)?)
        }
        "triplet_margin_loss" => {
            let torch = TripletMargin::default();
            let or = |key: &str, default: f32| a.float(key).unwrap_or(default);
            let (p, eps) = (or("p", torch.p), or("eps", torch.eps));
            let options = TripletMargin { margin: margin(torch.margin), p, eps, swap: a.flag("swap") };
            x().triplet_margin_loss(t(), c.at(2), options, reduction(c)?)
        }
        _ => return Ok(None),
    }))
}
