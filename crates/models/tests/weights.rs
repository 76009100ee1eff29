//! Weights in files: round trips, names and counts, damaged files, and saving that is interrupted.

use std::path::Path;

use autograd::{Device, Tensor};
use models::{BatchNorm2d, Error, Init, Mode, Params, ResNet};
use safetensors::SafeTensors;

fn cpu() -> Device {
    Device::named("cpu").unwrap()
}

fn values(params: &Params) -> Vec<Vec<f32>> {
    params.all().iter().map(|p| p.value().to_vec().unwrap()).collect()
}

#[test]
fn round_trip() {
    for device in gpu_core::testing::devices() {
        let folder = tempfile::tempdir().unwrap();
        let (path, again) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
        let first = Params::new(&device, 1);
        let net = ResNet::cifar(&first, 8, 10);
        let images = Tensor::ones(&device, &[2, 3, 8, 8]);
        for _ in 0..3 {
            net.forward(&images, Mode::Train);
        }
        first.save(&path).unwrap();
        let second = Params::new(&cpu(), 2);
        ResNet::cifar(&second, 8, 10);
        assert_ne!(values(&first), values(&second));
        second.load(&path).unwrap();
        assert_eq!(values(&first), values(&second));
        second.save(&again).unwrap();
        let (a, b) = (std::fs::read(&path).unwrap(), std::fs::read(&again).unwrap());
        assert_eq!(a, b, "the same file, byte for byte");
        let file = SafeTensors::deserialize(&a).unwrap();
        let counter = file.tensor("bn1.num_batches_tracked").unwrap();
        assert_eq!((counter.shape(), counter.data()), (&[][..], &3i64.to_le_bytes()[..]));
        // Saves only a part of the tree.
        second.path("linear").save(&again).unwrap();
        let file = std::fs::read(&again).unwrap();
        assert_eq!(SafeTensors::deserialize(&file).unwrap().names().len(), 2);
        assert!(matches!(second.load(&again), Err(Error::Missing { .. })));
        second.path("linear").load(&again).unwrap();
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "no temporary file is left");
    }
}

/// Names, shapes and parameter counts of torchvision's networks.
#[test]
fn torchvision_names() {
    let path = tempfile::tempdir().unwrap().keep().join("resnet18.safetensors");
    let params = Params::new(&cpu(), 0);
    ResNet::imagenet(&params, 18, 1000);
    params.save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.names().len(), 122);
    let wanted: [(&str, &[usize]); 12] = [
        ("conv1.weight", &[64, 3, 7, 7]),
        ("bn1.weight", &[64]),
        ("bn1.running_mean", &[64]),
        ("bn1.num_batches_tracked", &[]),
        ("layer1.0.conv1.weight", &[64, 64, 3, 3]),
        ("layer1.1.bn2.bias", &[64]),
        ("layer2.0.conv1.weight", &[128, 64, 3, 3]),
        ("layer2.0.downsample.0.weight", &[128, 64, 1, 1]),
        ("layer2.0.downsample.1.running_var", &[128]),
        ("layer4.1.bn2.num_batches_tracked", &[]),
        ("fc.weight", &[1000, 512]),
        ("fc.bias", &[1000]),
    ];
    for (name, shape) in wanted {
        assert_eq!(file.tensor(name).unwrap_or_else(|e| panic!("{name}: {e}")).shape(), shape, "{name}");
    }
    let absent = ["conv1.bias", "layer1.0.downsample.0.weight", "layer2.1.downsample.0.weight"];
    assert!(absent.iter().all(|name| file.tensor(name).is_err()));
    let params = Params::new(&cpu(), 0);
    ResNet::imagenet(&params, 50, 10);
    let shape = |name: &str| params.get(name).unwrap_or_else(|| panic!("{name}")).value().shape().to_vec();
    assert_eq!(shape("layer1.0.downsample.0.weight"), [256, 64, 1, 1]);
    assert_eq!(shape("layer3.0.conv2.weight"), [256, 256, 3, 3]);
    assert_eq!(shape("layer4.2.bn3.weight"), [2048]);
}

#[test]
fn parameter_counts() {
    for (depth, count) in
        [(18, 11_689_512), (34, 21_797_672), (50, 25_557_032), (101, 44_549_160), (152, 60_192_808)]
    {
        let params = Params::new(&cpu(), 0);
        ResNet::imagenet(&params, depth, 1000);
        assert_eq!(params.count(), count, "ResNet-{depth}");
    }
    // Blocks of 16, 32 and 64 channels have 4,672, 18,560 and 73,984 parameters; the first blocks of stages 2 and 3 have
    // 4,608 and 18,432 less by their narrower inputs. The first layer adds 464, the classifier 650.
    for (depth, count) in [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962)] {
        let params = Params::new(&cpu(), 0);
        ResNet::cifar(&params, depth, 10);
        let n = (depth - 2) / 6;
        let pattern = 464 + (4_672 + 18_560 + 73_984) * n - 4_608 - 18_432 + 650;
        assert_eq!((params.count(), pattern), (count, count), "ResNet-{depth}");
    }
}

/// A small model and the bytes of its file.
fn small() -> (Params, Vec<u8>) {
    let params = Params::new(&cpu(), 3);
    params.param("w", &[3, 2], Init::torch_default());
    let bn = BatchNorm2d::new(&params.path("bn"), 2);
    bn.forward(&Tensor::ones(&cpu(), &[2, 2, 1, 1]), Mode::Train);
    let file = tempfile::NamedTempFile::new().unwrap();
    params.save(file.path()).unwrap();
    (params, std::fs::read(file.path()).unwrap())
}

fn with_header(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &vec![0; data]].concat()
}

/// The small model's file with a part of its header replaced.
fn edited(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&file[8..8 + length]).unwrap();
    assert!(header.contains(from), "{header}");
    let header = header.replacen(from, to, 1);
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &file[8 + length..]].concat()
}

/// The same file as written by another program, without a checksum.
fn foreign(file: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(file).into_owned();
    let start = text.find("\"__metadata__\"").expect("metadata");
    let end = start + text[start..].find("},").expect("an end") + 2;
    edited(file, &text[start..end], "")
}

#[test]
fn damaged_files() {
    let (params, own) = small();
    let good = foreign(&own);
    let header = u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let tensor = |begin: &str, end: &str| {
        with_header(&format!(r#"{{"w":{{"dtype":"F32","shape":[3,2],"data_offsets":[{begin},{end}]}}}}"#), 24)
    };
    let huge = |length: u64| [&length.to_le_bytes()[..], &good[8..]].concat();
    let nested = "[".repeat(100_000);
    let format: Vec<(&str, Vec<u8>)> = vec![
        ("empty", vec![]),
        ("one byte", vec![7]),
        ("only a length", vec![0; 8]),
        ("a header of length 0", huge(0)),
        ("a header longer than the file", huge(good.len() as u64)),
        ("a header of a petabyte", huge(1 << 50)),
        ("a header of all lengths", huge(u64::MAX)),
        ("cut in the length", good[..5].to_vec()),
        ("cut in the header", good[..8 + header / 2].to_vec()),
        ("cut behind the header", good[..8 + header].to_vec()),
        ("cut in the middle", good[..(8 + header + good.len()) / 2].to_vec()),
        ("one byte short", good[..good.len() - 1].to_vec()),
        ("one byte more", [&good[..], &[0]].concat()),
        ("garbage", (0..2000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()),
        ("text", b"PK\x03\x04 this is no safetensors file at all".to_vec()),
        ("no JSON", with_header("{\"w\": oops}", 24)),
        ("no object", with_header("[1, 2, 3]", 24)),
        ("no UTF-8", [&4u64.to_le_bytes()[..], &[b'{', 0xff, 0xfe, b'}']].concat()),
        ("deeply nested", with_header(&nested, 0)),
        ("deeply nested in an object", with_header(&format!("{{\"w\":{nested}"), 0)),
        ("offsets beyond the end", tensor("0", "99999999")),
        ("offsets that overflow", tensor("18446744073709551592", "18446744073709551615")),
        ("offsets too large for 64 bits", tensor("0", "99999999999999999999999")),
        ("negative offsets", tensor("-24", "0")),
        ("offsets backwards", tensor("24", "0")),
        ("a range of the wrong size", edited(&good, "\"shape\":[3,2]", "\"shape\":[3,3]")),
        (
            "an overflowing shape",
            edited(&good, "\"shape\":[3,2]", "\"shape\":[4294967296,4294967296,18446744073709551615]"),
        ),
        ("a negative shape", edited(&good, "\"shape\":[3,2]", "\"shape\":[-3,-2]")),
        ("an unknown type", edited(&good, "\"F32\"", "\"F99\"")),
        ("overlapping ranges", {
            let text = r#"{"w":{"dtype":"F32","shape":[6],"data_offsets":[0,24]},"bn.weight":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}"#;
            with_header(text, 24)
        }),
        ("a gap", {
            let text = r#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#;
            with_header(text, 12)
        }),
    ];
    let before = values(&params);
    let file = tempfile::NamedTempFile::new().unwrap();
    for (name, bytes) in format {
        std::fs::write(file.path(), bytes).unwrap();
        let error = params.load(file.path()).unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{name}: {error:?}");
        assert!(error.to_string().contains(&*file.path().to_string_lossy()), "{name}: {error}");
    }
    type Wanted = fn(&Error) -> bool;
    let other: [(&str, Vec<u8>, Wanted); 6] = [
        (
            "a missing name",
            edited(&good, "\"w\"", "\"v\""),
            |e| matches!(e, Error::Unexpected { name, .. } | Error::Missing { name, .. } if name == "v" || name == "w"),
        ),
        ("no tensors", with_header("{}", 0), |e| matches!(e, Error::Missing { .. })),
        (
            "an unexpected name",
            edited(&good, "bn.running_mean", "bn.running_mode"),
            |e| matches!(e, Error::Unexpected { name, .. } if name == "bn.running_mode"),
        ),
        (
            "a wrong shape",
            edited(&good, "[3,2]", "[2,3]"),
            |e| matches!(e, Error::Mismatch { name, got, want, .. } if name == "w" && got.contains("[2, 3]") && want.contains("[3, 2]")),
        ),
        (
            "a wrong type",
            edited(&good, "\"F32\",\"shape\":[3,2]", "\"I32\",\"shape\":[3,2]"),
            |e| matches!(e, Error::Mismatch { name, .. } if name == "w"),
        ),
        (
            "a wrong type of a counter",
            edited(&good, "\"I64\"", "\"U64\""),
            |e| matches!(e, Error::Mismatch { name, .. } if name == "bn.num_batches_tracked"),
        ),
    ];
    for (name, bytes, wanted) in other {
        std::fs::write(file.path(), bytes).unwrap();
        let error = params.load(file.path()).unwrap_err();
        assert!(wanted(&error), "{name}: {error:?}");
    }
    assert_eq!(values(&params), before, "a failed load changes nothing");
    let again = tempfile::NamedTempFile::new().unwrap();
    params.save(again.path()).unwrap();
    assert_eq!(std::fs::read(again.path()).unwrap(), own, "nor the counters");
    std::fs::write(file.path(), &good).unwrap();
    params.load(file.path()).unwrap();
}

/// Changing any byte never panics, and changing a value never goes unnoticed.
#[test]
fn flipped_bytes_never_panic() {
    let (params, good) = small();
    let values = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let file = tempfile::NamedTempFile::new().unwrap();
    for at in 0..good.len() {
        for change in [1, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= change;
            std::fs::write(file.path(), bytes).unwrap();
            let loaded = params.load(file.path());
            assert!(loaded.is_err() || at < values, "byte {at} was changed");
        }
    }
}

#[test]
fn files_without_end_or_of_absurd_size() {
    let (params, _) = small();
    let file = tempfile::NamedTempFile::new().unwrap();
    // A sparse file, which takes no disk space.
    file.as_file().set_len(1 << 40).unwrap();
    assert!(matches!(params.load(file.path()), Err(Error::Format { .. })));
    if Path::new("/dev/zero").exists() {
        assert!(matches!(params.load("/dev/zero"), Err(Error::Format { .. })));
    }
    assert!(matches!(params.load(std::env::temp_dir()), Err(Error::Io { doing: "read", .. })));
    let missing = params.load("no/such/file.safetensors").unwrap_err();
    assert!(missing.to_string().contains("no/such/file.safetensors"), "{missing}");
}

#[test]
fn paths_that_can_not_be_written() {
    let (params, good) = small();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weights.safetensors");
    std::fs::write(&file, &good).unwrap();
    let taken = folder.path().join("folder");
    std::fs::create_dir_all(taken.join("inside")).unwrap();
    for path in [folder.path().join("no/such/place"), file.join("below"), taken] {
        let error = params.save(&path).unwrap_err();
        assert!(matches!(&error, Error::Io { doing: "write", path: p, .. } if *p == path), "{error:?}");
        assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), good);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
}

#[cfg(unix)]
#[test]
fn weights_can_be_read_by_whom_other_files_can() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (plain, saved) = (folder.path().join("plain"), folder.path().join("saved"));
    std::fs::write(&plain, "").unwrap();
    small().0.save(&saved).unwrap();
    let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode();
    assert_eq!(mode(&saved), mode(&plain));
}
