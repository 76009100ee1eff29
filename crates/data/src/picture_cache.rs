//! Decoded pictures in memory, up to a limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::decode::Picture;
use crate::error::Result;

/// Keeps the first pictures that fit. None is replaced: epochs that draw every picture once find as many this way as there is room
/// for, and fewer if the least recently used made room.
#[derive(Debug)]
pub(crate) struct PictureCache {
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    bytes: usize,
    pictures: HashMap<u32, Arc<Picture>>,
}

impl PictureCache {
    /// A cache of at most `limit` bytes of pixels.
    pub(crate) fn new(limit: usize) -> PictureCache {
        PictureCache { limit, kept: Mutex::default() }
    }

    /// Picture `index`, from `decode` if it is not in memory.
    pub(crate) fn get_or(
        &self,
        index: u32,
        decode: impl FnOnce() -> Result<Picture>,
    ) -> Result<Arc<Picture>> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(picture) = kept().pictures.get(&index) {
            return Ok(picture.clone());
        }
        let picture = Arc::new(decode()?);
        let size = picture.rgb.capacity();
        let mut kept = kept();
        if kept.bytes + size <= self.limit && kept.pictures.insert(index, picture.clone()).is_none() {
            kept.bytes += size;
        }
        Ok(picture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn picture(side: usize) -> Result<Picture> {
        Ok(Picture { rgb: vec![side as u8; 3 * side * side + 1], size: [side; 2] })
    }

    #[test]
    fn pictures_are_kept_up_to_the_limit() {
        let cache = PictureCache::new(1000);
        for index in 0..50 {
            for side in [10, 3] {
                let found = cache.get_or(index * 20 + side, || picture(side as usize)).unwrap();
                assert_eq!(found.size, [side as usize; 2]);
            }
            let kept = cache.kept.lock().unwrap();
            assert_eq!(kept.bytes, kept.pictures.values().map(|p| p.rgb.len()).sum::<usize>());
            assert!(kept.bytes <= 1000, "{}", kept.bytes);
        }
        assert!(cache.kept.lock().unwrap().bytes > 900);
        let missing = || Err(Error::Options("decoded again".into()));
        assert!(cache.get_or(10, missing).is_ok());
        assert!(cache.get_or(990, missing).is_err());
        assert!(PictureCache::new(0).get_or(1, || picture(1)).is_ok());
    }
}
