//! Event files: compared byte for byte with a recorded file that TensorBoard reads, and parsed by a strict reader.

use std::path::Path;

use train::Error;
use train::tensorboard::EventWriter;

/// A 1x1 PNG.
const PNG: &[u8] = include_bytes!("fixtures/pixel.png");
/// The file that [`recorded`] writes. `tests/fixtures/events.py` checks what TensorBoard's `EventAccumulator` reads from it.
const FIXTURE: &[u8] = include_bytes!("fixtures/events.out.tfevents.fixture");

fn recorded(directory: &Path) -> Vec<u8> {
    let mut time = 1_700_000_000.0;
    let clock = move || {
        time += 0.5;
        time
    };
    let mut events = EventWriter::with_clock(directory, clock).unwrap();
    events.scalar("loss/train", 0, 2.5).unwrap();
    events.scalar("loss/train", 300, 0.125).unwrap();
    events.histogram("conv1.weight", 300, &[-3.0, 0.0, 0.0, 1.5, 2.5, f32::NAN]).unwrap();
    events.image("samples", 300, PNG, 1, 1).unwrap();
    events.text("config", 0, "lr = **0.1**").unwrap();
    events.flush().unwrap();
    std::fs::read(events.path()).unwrap()
}

#[test]
fn a_file_is_the_recorded_one() {
    let directory = tempfile::tempdir().unwrap();
    let written = recorded(directory.path());
    if std::env::var_os("WGRAD_RECORD").is_some() {
        let fixture =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events.out.tfevents.fixture");
        std::fs::write(fixture, &written).unwrap();
    }
    assert!(written == FIXTURE, "{} bytes instead of the recorded {}", written.len(), FIXTURE.len());
}

/// CRC-32C computed bit by bit, masked as in TFRecord.
fn masked_crc(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The records of a file, whose lengths and checksums must be right to the last byte.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let crc = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let record = &bytes[12..12 + length];
        assert_eq!((crc(8), crc(12 + length)), (masked_crc(&bytes[..8]), masked_crc(record)));
        records.push(record);
        bytes = &bytes[16 + length..];
    }
    records
}

#[test]
fn records_are_framed_with_their_checksums() {
    // The test vector of RFC 3720: 32 zero bytes.
    assert_eq!(masked_crc(&[0; 32]), 0x8a91_36aa_u32.rotate_right(15).wrapping_add(0xa282_ead8));
    let directory = tempfile::tempdir().unwrap();
    let written = recorded(directory.path());
    let records = records(&written);
    assert_eq!(records.len(), 6);
    // Time, then the version.
    assert_eq!(records[0][1..9], 1_700_000_000.5f64.to_le_bytes());
    assert!(records[0].ends_with(b"brain.Event:2"));
    // Time, step 300 in two bytes, a summary with a tag and a number.
    assert_eq!(records[2][1..9], 1_700_000_001.5f64.to_le_bytes());
    assert_eq!(records[2][9..12], [0x10, 0xac, 0x02]);
    assert!(records[2].ends_with(&0.125f32.to_le_bytes()));
}

#[test]
fn every_writer_has_a_file_of_its_own_and_drops_what_it_holds_into_it() {
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("runs/a");
    let paths: Vec<_> = (0..3u8)
        .map(|i| {
            let mut events = EventWriter::with_clock(&run, || 12.0).unwrap();
            events.scalar("x", i.into(), i.into()).unwrap();
            events.histogram("empty", 0, &[f32::NAN]).unwrap();
            events.path().to_owned()
        })
        .collect();
    assert!(paths.is_sorted() && paths[0] != paths[1] && paths[1] != paths[2]);
    for path in paths {
        assert_eq!(records(&std::fs::read(path).unwrap()).len(), 2);
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = directory.path().join("taken");
    std::fs::write(&taken, "").unwrap();
    let error = EventWriter::create(&taken).err().unwrap();
    assert!(matches!(&error, Error::Write { path, .. } if *path == taken), "{error}");
}
