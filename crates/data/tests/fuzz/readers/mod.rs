//! The readers, each with whole files and what must hold of damaged ones. A new reader is one more entry of [`all`].

mod archives;
mod cache;
mod images;
mod networks;
mod numpy;
mod records;
mod shards;
mod tables;
mod texts;
mod weights;

use crate::campaign::Reader;

/// All of them.
pub fn all() -> Vec<Reader> {
    vec![
        records::cifar(),
        records::idx(),
        archives::tar(),
        cache::cache(),
        images::pictures(),
        shards::shards(),
        numpy::npy(),
        numpy::npz(),
        tables::csv(),
        #[cfg(feature = "parquet")]
        tables::parquet(),
        texts::text(),
        #[cfg(feature = "tokenizers")]
        texts::tokenizer(),
        weights::safetensors(),
        weights::torch(),
        networks::onnx(),
    ]
}

/// Whether `piece` is somewhere in `bytes`.
fn holds(bytes: &[u8], piece: &[u8]) -> bool {
    let Some(first) = piece.first() else { return true };
    let mut rest = bytes;
    while let Some(place) = rest.iter().position(|byte| byte == first) {
        if rest[place..].starts_with(piece) {
            return true;
        }
        rest = &rest[place + 1..];
    }
    false
}
