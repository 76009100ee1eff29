//! Attention, positions and transformers.

use models::{
    AdditiveAttention, AttentionMask, AttentionOptions, KvCache, LearnedPositions, Mode, MultiheadAttention,
    Rotary, SinusoidalPositions, Transformer, TransformerDecoder, TransformerDecoderLayer,
    TransformerEncoder, TransformerEncoderLayer, TransformerMasks, TransformerOptions,
};

use crate::panics::{Mistake, check};
use crate::{cpu, flags, ints, ones, params};

/// Queries `[2, 3, 4]` of two heads, keys and values `[2, 5, 4]`.
fn attend(mask: AttentionMask) {
    let (x, memory) = (ones(&[2, 3, 4]), ones(&[2, 5, 4]));
    drop(MultiheadAttention::new(&params(), 4, 2).forward(&x, &memory, &memory, mask, Mode::Eval));
}

fn encoder() -> TransformerEncoder {
    TransformerEncoder::new(&params(), 4, 2, 1, None, TransformerOptions::default())
}

fn cache() -> KvCache {
    KvCache::new(&cpu(), 1, 2, 4, 3)
}

const ALL: AttentionMask = AttentionMask { attn: None, key_padding: None, causal: false, window: None };

pub const MISTAKES: &[Mistake] = &[
    ("AdditiveAttention", &["linear", "[2, 3, 5]", "[8, 4]"], || {
        let layer = AdditiveAttention::new(&params(), 4, 4, 8);
        drop(layer.forward(&ones(&[2, 3, 5]), &ones(&[2, 3, 4]), None))
    }),
    ("AdditiveAttention, batch", &["AdditiveAttention", "[2, 3, 4]", "[1, 3, 4]"], || {
        let layer = AdditiveAttention::new(&params(), 4, 4, 8);
        drop(layer.forward(&ones(&[2, 3, 4]), &ones(&[1, 3, 4]), None))
    }),
    ("AdditiveAttention, mask", &["AdditiveAttention", "[2, 3]", "[2, 5, 4]"], || {
        let layer = AdditiveAttention::new(&params(), 4, 4, 8);
        drop(layer.forward(&ones(&[2, 3, 4]), &ones(&[2, 5, 4]), Some(&flags(&[2, 3]))))
    }),
    ("AdditiveAttention, type of the mask", &["AdditiveAttention", "f32"], || {
        let layer = AdditiveAttention::new(&params(), 4, 4, 8);
        drop(layer.forward(&ones(&[2, 3, 4]), &ones(&[2, 5, 4]), Some(&ones(&[2, 5]))))
    }),
    ("MultiheadAttention, heads", &["attention", "width 6", "4 heads"], || {
        drop(MultiheadAttention::new(&params(), 6, 4))
    }),
    ("MultiheadAttention, no heads", &["attention", "0 heads"], || {
        drop(MultiheadAttention::new(&params(), 6, 0))
    }),
    ("MultiheadAttention, rank", &["attention", "[3, 4]"], || {
        let x = ones(&[3, 4]);
        drop(MultiheadAttention::new(&params(), 4, 2).forward(&x, &x, &x, ALL, Mode::Eval))
    }),
    ("MultiheadAttention, width", &["attention", "[2, 3, 5]", "widths 4, 4 and 4"], || {
        let x = ones(&[2, 3, 5]);
        drop(MultiheadAttention::new(&params(), 4, 2).forward(&x, &x, &x, ALL, Mode::Eval))
    }),
    ("MultiheadAttention, width of values", &["attention", "[2, 3, 4]", "widths 4, 4 and 3"], || {
        let (x, options) = (ones(&[2, 3, 4]), AttentionOptions { vdim: Some(3), ..Default::default() });
        drop(MultiheadAttention::with(&params(), 4, 2, options).forward(&x, &x, &x, ALL, Mode::Eval))
    }),
    ("MultiheadAttention, batch", &["attention", "[2, 3, 4]", "[1, 3, 4]"], || {
        let (x, y) = (ones(&[2, 3, 4]), ones(&[1, 3, 4]));
        drop(MultiheadAttention::new(&params(), 4, 2).forward(&x, &y, &y, ALL, Mode::Eval))
    }),
    ("MultiheadAttention, keys without values", &["attention", "[2, 5, 4]", "[2, 3, 4]"], || {
        let (x, y) = (ones(&[2, 3, 4]), ones(&[2, 5, 4]));
        drop(MultiheadAttention::new(&params(), 4, 2).forward_weights(&x, &y, &x, ALL, Mode::Eval))
    }),
    ("MultiheadAttention, type", &["linear", "i32"], || {
        let x = ints(&[2, 3, 4]);
        drop(MultiheadAttention::new(&params(), 4, 2).forward(&x, &x, &x, ALL, Mode::Eval))
    }),
    ("MultiheadAttention, padding", &["attention", "key_padding [2, 3]", "[2, 5]"], || {
        attend(AttentionMask { key_padding: Some(&flags(&[2, 3])), ..ALL })
    }),
    ("MultiheadAttention, mask", &["attention", "mask [5, 3]", "[2, 2, 3, 5]"], || {
        attend(AttentionMask { attn: Some(&flags(&[5, 3])), ..ALL })
    }),
    ("MultiheadAttention, mask of heads", &["attention", "mask [2, 3, 5]", "[2, 2, 3, 5]"], || {
        attend(AttentionMask { attn: Some(&flags(&[2, 3, 5])), ..ALL })
    }),
    ("MultiheadAttention, type of the mask", &["attention", "i32"], || {
        attend(AttentionMask { attn: Some(&ints(&[3, 5])), ..ALL })
    }),
    ("KvCache", &["KvCache", "[1, 2, 1, 4]", "[1, 2, 4, 3]"], || {
        let x = ones(&[1, 2, 1, 4]);
        drop(cache().attend(&x, &x, &x))
    }),
    ("KvCache, rank", &["KvCache", "[2]"], || drop(cache().attend(&ones(&[2]), &ones(&[2]), &ones(&[2])))),
    ("KvCache, nothing new", &["KvCache", "[1, 2, 0, 3]"], || {
        let x = ones(&[1, 2, 0, 3]);
        drop(cache().attend(&x, &x, &x))
    }),
    ("KvCache, no room", &["KvCache", "0..5 of 4"], || {
        let x = ones(&[1, 2, 5, 3]);
        drop(cache().attend(&x, &x, &x))
    }),
    ("LearnedPositions", &["LearnedPositions", "3..6 of 5"], || {
        drop(LearnedPositions::new(&params(), 5, 4).forward(&ones(&[1, 3, 4]), 3))
    }),
    ("LearnedPositions, width", &["LearnedPositions", "[1, 3, 1]", "[5, 4]"], || {
        drop(LearnedPositions::new(&params(), 5, 4).forward(&ones(&[1, 3, 1]), 0))
    }),
    ("SinusoidalPositions", &["SinusoidalPositions", "3..6 of 5"], || {
        drop(SinusoidalPositions::new(&cpu(), 5, 4).forward(&ones(&[1, 3, 4]), 3))
    }),
    ("SinusoidalPositions, rank", &["SinusoidalPositions", "[4]", "[5, 4]"], || {
        drop(SinusoidalPositions::new(&cpu(), 5, 4).forward(&ones(&[4]), 0))
    }),
    ("SinusoidalPositions, odd", &["SinusoidalPositions", "odd width 3"], || {
        drop(SinusoidalPositions::new(&cpu(), 5, 3))
    }),
    ("Rotary", &["Rotary", "30..33 of 32"], || {
        drop(Rotary::new(&cpu(), 32, 4, 1e4).forward(&ones(&[3, 4]), 30))
    }),
    ("Rotary, features", &["Rotary", "[3, 6]", "4 features"], || {
        drop(Rotary::new(&cpu(), 32, 4, 1e4).forward(&ones(&[3, 6]), 0))
    }),
    ("Rotary, odd", &["Rotary", "odd", "3"], || drop(Rotary::new(&cpu(), 32, 3, 1e4))),
    ("TransformerEncoderLayer, heads", &["attention", "width 4", "3 heads"], || {
        drop(TransformerEncoderLayer::new(&params(), 4, 3, TransformerOptions::default()))
    }),
    ("TransformerEncoder, heads", &["attention", "width 4", "3 heads"], || {
        drop(TransformerEncoder::new(&params(), 4, 3, 1, None, TransformerOptions::default()))
    }),
    ("TransformerEncoder, width", &["attention", "[1, 3, 5]", "widths 4, 4 and 4"], || {
        drop(encoder().forward(&ones(&[1, 3, 5]), ALL, Mode::Eval))
    }),
    ("TransformerEncoder, mask", &["attention", "mask [2, 2]", "[1, 2, 3, 3]"], || {
        drop(encoder().forward(
            &ones(&[1, 3, 4]),
            AttentionMask { attn: Some(&flags(&[2, 2])), ..ALL },
            Mode::Eval,
        ))
    }),
    ("TransformerDecoderLayer, memory", &["attention", "[2, 3, 4]", "[1, 5, 4]"], || {
        let layer = TransformerDecoderLayer::new(&params(), 4, 2, TransformerOptions::default());
        drop(layer.forward(&ones(&[2, 3, 4]), &ones(&[1, 5, 4]), ALL, ALL, Mode::Eval))
    }),
    ("TransformerDecoder, heads", &["attention", "width 4", "3 heads"], || {
        drop(TransformerDecoder::new(&params(), 4, 3, 1, None, TransformerOptions::default()))
    }),
    ("Transformer, memory's mask", &["attention", "key_padding [2, 3]", "[2, 5]"], || {
        let net = Transformer::new(&params(), 4, 2, 1, 1, TransformerOptions::default());
        let padding = flags(&[2, 3]);
        let mask = AttentionMask { key_padding: Some(&padding), ..ALL };
        let masks = TransformerMasks { memory: mask, ..TransformerMasks::default() };
        drop(net.forward(&ones(&[2, 5, 4]), &ones(&[2, 3, 4]), masks, Mode::Eval))
    }),
];

#[test]
fn mistakes() {
    check(MISTAKES);
}
