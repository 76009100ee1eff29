//! CIFAR's and MNIST's records.

use data::{ImageSet, cifar, idx};

use crate::campaign::{File, Reader, Sample};
use crate::common::{cifar10_entries, cifar100_entries, gzip, write, write_files};

/// One record of a CIFAR file: label bytes and pixels.
fn record(labels: &[u8], ramp: u8) -> Vec<u8> {
    labels.iter().copied().chain((0..3072u32).map(|i| (i as u8).wrapping_mul(ramp))).collect()
}

/// CIFAR-10's test batch and class names, and CIFAR-100's training records.
pub fn cifar() -> Reader {
    Reader {
        name: "cifar",
        samples: || {
            let names: String = (0..10).map(|class| format!("class {class}\n")).collect();
            vec![
                Sample::plain([record(&[3], 1), record(&[9], 7)].concat()),
                Sample::plain(names),
                Sample::plain([record(&[19, 99], 3), record(&[0, 0], 5)].concat()),
            ]
        },
        check: |file| {
            let root = file.directory.join(["ten", "names", "hundred"][file.sample]);
            let (entries, name) = match file.sample {
                0 => (cifar10_entries(1), "cifar-10-batches-bin/test_batch.bin"),
                1 => (cifar10_entries(1), "cifar-10-batches-bin/batches.meta.txt"),
                _ => (cifar100_entries(), "cifar-100-binary/train.bin"),
            };
            if !root.exists() {
                write_files(&root, &entries);
            }
            write(&root.join(name), &file.bytes);
            file.judge(
                |_| cifar::read(&root),
                |file, found| match file.sample {
                    0 => records(&found.test, &file.bytes, 1),
                    1 => {
                        let text = String::from_utf8_lossy(&file.bytes).into_owned();
                        let names = text.lines().map(str::trim).filter(|line| !line.is_empty());
                        File::must(
                            names.eq(found.train.classes().iter()),
                            "other classes than the file names",
                        )
                    }
                    _ => records(&found.train, &file.bytes, 2),
                },
            )
        },
        memory: (1 << 20, 6),
    }
}

/// The set written out is the file, but for coarse labels.
fn records(set: &ImageSet, bytes: &[u8], labels: usize) -> Result<(), String> {
    File::must(bytes.len() == set.len() * (labels + 3072), "not all of the file was read")?;
    for (i, record) in bytes.chunks(labels + 3072).enumerate() {
        File::must(u32::from(record[labels - 1]) == set.labels()[i], "another label than the file's")?;
        File::must(record[labels..] == *set.image(i), "other pixels than the file's")?;
    }
    Ok(())
}

fn idx_bytes(dims: &[u32], values: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let head = [0, 0, 8, dims.len() as u8].into_iter().chain(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    head.chain(values).collect()
}

/// Images and labels, loose and gzipped.
pub fn idx() -> Reader {
    Reader {
        name: "idx",
        samples: || {
            let images = idx_bytes(&[6, 4, 5], 0..120);
            vec![
                Sample::plain(images.clone()),
                Sample::plain(idx_bytes(&[6], [3, 1, 4, 1, 5, 9])),
                Sample { content: images, wrap: gzip },
            ]
        },
        check: |file| {
            let root = file.directory.join(["images", "labels", "gzipped"][file.sample]);
            if !root.exists() {
                let whole = [
                    ("images-idx3", idx_bytes(&[6, 4, 5], 0..120)),
                    ("labels-idx1", idx_bytes(&[6], [3, 1, 4, 1, 5, 9])),
                ];
                for (split, (name, bytes)) in
                    ["train", "t10k"].into_iter().flat_map(|s| whole.iter().map(move |w| (s, w)))
                {
                    write_files(&root, &[(format!("{split}-{name}-ubyte"), bytes.clone())]);
                }
            }
            if file.sample == 2 {
                let _ = std::fs::remove_file(root.join("train-images-idx3-ubyte"));
            }
            let damaged = ["images-idx3-ubyte", "labels-idx1-ubyte", "images-idx3-ubyte.gz"][file.sample];
            write(&root.join(format!("train-{damaged}")), &file.bytes);
            file.judge(
                |_| idx::read(&root),
                |file, found| {
                    let set = found.train;
                    if file.sample == 1 {
                        let labels: Vec<u8> = set.labels().iter().map(|&label| label as u8).collect();
                        return File::must(
                            idx_bytes(&[6], labels) == file.bytes,
                            "other labels than the file's",
                        );
                    }
                    let [_, height, width] = set.shape();
                    let dims = [set.len() as u32, height as u32, width as u32];
                    let written = idx_bytes(&dims, set.pixels().iter().copied());
                    // Damage to the wrapping is revealed by its checksum.
                    let said = if file.sample == 0 { &file.bytes } else { &file.content };
                    File::must(written == *said, "other images than the file's")
                },
            )
        },
        memory: (1 << 20, 1032 * 2 + 8),
    }
}
