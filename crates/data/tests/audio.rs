//! Sounds: features and augmentation against librosa and SciPy, WAV files against soundfile.

use data::audio::{
    Mel, MelScale, SpecAugment, Spectrogram, Stft, Wave, add_noise, add_white_noise, delta, mfcc,
    pitch_shift, power_to_db, resample, time_stretch,
};
use data::{Draws, Error};
use proptest::prelude::*;
use serde_json::Value;

const RATE: u32 = 8000;
const STFT: Stft = Stft { n_fft: 64, hop: 16, window: 50 };

/// Of the largest value.
const TOLERANCE: f64 = 1e-4;

fn recorded() -> Value {
    serde_json::from_str(include_str!("fixtures/audio.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn signal() -> Vec<f32> {
    numbers(&recorded()["signal"]).into_iter().map(|x| x as f32).collect()
}

fn near(what: &str, found: impl IntoIterator<Item = f64>, expected: &Value) {
    let (found, expected) = (found.into_iter().collect::<Vec<f64>>(), numbers(expected));
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!(
            (found - expected).abs() <= TOLERANCE * largest,
            "{what}[{i}]: {found} instead of {expected}"
        );
    }
}

fn wide(x: &[f32]) -> impl Iterator<Item = f64> + '_ {
    x.iter().map(|&x| f64::from(x))
}

#[test]
fn resampling_is_scipys() {
    let recorded = recorded();
    for to in [12_000, 5512, 4000] {
        near(
            "resampled",
            wide(&resample(&signal(), RATE, to).unwrap()),
            &recorded["resampled"][to.to_string()],
        );
    }
    assert_eq!(resample(&signal(), RATE, RATE).unwrap(), signal());
    assert!(resample(&[], RATE, 4000).unwrap().is_empty());
    for (from, to) in [(0, 1), (1, 0), (u32::MAX, u32::MAX - 1)] {
        assert!(matches!(resample(&[0.0], from, to), Err(Error::Audio(_))));
    }
}

fn power() -> Spectrogram {
    STFT.power(&signal()).unwrap()
}

fn mel() -> Mel {
    Mel { bands: 10, low: 80.0, high: 3800.0, ..Mel::new(RATE) }
}

#[test]
fn features_are_librosas() {
    let recorded = recorded();
    near("power", wide(power().values()), &recorded["power"]);
    let htk = Mel { scale: MelScale::Htk, ..mel() };
    for (name, mel) in [("slaney", mel()), ("htk", htk), ("plain", Mel { normalize: false, ..htk })] {
        near(name, mel.filters(64).unwrap(), &recorded["mel"][name]);
    }
    let db = power_to_db(&mel().apply(&power()).unwrap());
    near("db", wide(db.values()), &recorded["db"]);
    let coefficients = mfcc(&db, 5).unwrap();
    assert_eq!(coefficients.shape(), [5, 38]);
    near("mfcc", wide(coefficients.values()), &recorded["mfcc"]);
    near("delta", wide(delta(&coefficients, 9).unwrap().values()), &recorded["delta"]);
}

#[test]
fn stretching_and_shifting_are_librosas() {
    let (recorded, stft) = (recorded(), Stft { window: 64, ..STFT });
    for name in ["faster", "slower"] {
        let case = &recorded["stretched"][name];
        let found = time_stretch(&signal(), case[0].as_f64().unwrap(), &stft).unwrap();
        near(name, wide(&found), &case[1]);
    }
    for name in ["up", "down"] {
        let case = &recorded["shifted"][name];
        let found = pitch_shift(&signal(), case[0].as_f64().unwrap(), &stft).unwrap();
        near(name, wide(&found), &case[1]);
    }
}

/// A tone of 1000 Hz an octave up is one of 2000 Hz, and as long.
#[test]
fn an_octave_doubles_the_frequency() {
    let tone: Vec<f32> = (0..4096).map(|i| (i as f32 * std::f32::consts::TAU / 8.0).sin()).collect();
    let stft = Stft::new(256);
    let shifted = pitch_shift(&tone, 12.0, &stft).unwrap();
    assert_eq!(shifted.len(), tone.len());
    let loudest = |x: &[f32]| {
        let power = stft.power(x).unwrap();
        let [bins, frames] = power.shape();
        (0..bins).max_by(|&a, &b| {
            let at = |bin: usize| power.values()[bin * frames + frames / 2];
            at(a).total_cmp(&at(b))
        })
    };
    assert_eq!((loudest(&tone), loudest(&shifted)), (Some(32), Some(64)));
}

#[test]
fn the_inverse_gives_the_signal_back() {
    let (signal, spectrum) = (signal(), STFT.transform(&signal()).unwrap());
    assert_eq!(spectrum.frames.len(), 1 + signal.len() / STFT.hop);
    let back = STFT.inverse(&spectrum, signal.len()).unwrap();
    assert!(signal.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn settings_without_meaning_are_refused() {
    let x = signal();
    let refused = |result: Result<(), Error>| match result {
        Err(Error::Audio(reason)) => assert!(reason.len() > 20, "{reason}"),
        other => panic!("{other:?}"),
    };
    for stft in [
        Stft { n_fft: 63, ..STFT },
        Stft { n_fft: 0, window: 0, ..STFT },
        Stft { n_fft: 1 << 21, ..STFT },
        Stft { hop: 0, ..STFT },
        Stft { window: 65, ..STFT },
        Stft::new(2),
    ] {
        refused(stft.power(&x).map(drop));
    }
    for mel in [
        Mel { bands: 0, ..mel() },
        Mel { bands: 1 << 20, ..mel() },
        Mel { low: 4000.0, ..mel() },
        Mel { high: 5000.0, ..mel() },
        Mel { low: f64::NAN, ..mel() },
        Mel { rate: 0, ..mel() },
    ] {
        refused(mel.apply(&power()).map(drop));
    }
    refused(time_stretch(&x, 0.0, &STFT).map(drop));
    refused(time_stretch(&x, f64::NAN, &STFT).map(drop));
    refused(pitch_shift(&x, 1e9, &STFT).map(drop));
    refused(mfcc(&power(), 34).map(drop));
    refused(delta(&power(), 8).map(drop));
    refused(delta(&power(), 39).map(drop));
    refused(add_noise(&x, &x[1..], 10.0).map(drop));
    refused(add_noise(&x, &x, f64::INFINITY).map(drop));
    refused(Spectrogram::new(vec![0.0; 5], [2, 3]).map(drop));
    let empty = STFT.power(&[]).unwrap();
    assert_eq!(empty.shape(), [33, 1], "one frame of zeros around nothing");
}

#[test]
fn noise_has_the_ratio_asked_for() {
    let signal = signal();
    let energy = |x: &[f32]| wide(x).map(|x| x * x).sum::<f64>();
    for snr in [-5.0, 0.0, 20.0] {
        let noisy = add_white_noise(&signal, snr, &mut Draws::new(1, 0, 0)).unwrap();
        let added: Vec<f32> = noisy.iter().zip(&signal).map(|(n, s)| n - s).collect();
        assert!((10.0 * (energy(&signal) / energy(&added)).log10() - snr).abs() < 1e-3);
    }
    let at = |epoch| add_white_noise(&signal, 3.0, &mut Draws::new(1, epoch, 0)).unwrap();
    assert_eq!(at(0), at(0));
    assert_ne!(at(0), at(1));
    let silence = vec![0.0; signal.len()];
    assert_eq!(add_noise(&signal, &silence, 3.0).unwrap(), signal);
    assert_eq!(add_noise(&silence, &signal, 3.0).unwrap(), silence);
}

#[test]
fn masks_are_bands_and_stretches_of_all_widths() {
    let whole = Spectrogram::new((0..20 * 30).map(|i| 1.0 + i as f32).collect(), [20, 30]).unwrap();
    let masked = |augment: SpecAugment, epoch| {
        let mut x = whole.clone();
        augment.apply(&mut x, &mut Draws::new(3, epoch, 0));
        x
    };
    let none = SpecAugment { frequency: (0, 0), time: (0, 0), time_share: 1.0, fill: Some(0.0) };
    let (mut bands, mut stretches) = ([0; 6], [0; 7]);
    for epoch in 0..600 {
        let x = masked(SpecAugment { frequency: (1, 5), ..none }, epoch);
        let empty: Vec<bool> = x.values().chunks(30).map(|row| row.iter().all(|v| *v == 0.0)).collect();
        let hits = empty.iter().filter(|e| **e).count();
        assert_eq!(x.values().iter().filter(|v| **v == 0.0).count(), 30 * hits, "whole rows");
        assert!(empty.windows(2).filter(|pair| pair[0] != pair[1]).count() <= 2, "one band");
        bands[hits] += 1;
        // At most a fifth of 30 frames.
        let x = masked(SpecAugment { time: (1, 100), time_share: 0.2, ..none }, epoch);
        let hits = x.values()[..30].iter().filter(|v| **v == 0.0).count();
        assert_eq!(x.values().iter().filter(|v| **v == 0.0).count(), 20 * hits, "whole columns");
        stretches[hits] += 1;
    }
    assert!(bands.iter().chain(&stretches).all(|n| (50..150).contains(n)), "{bands:?} {stretches:?}");
    let x = masked(SpecAugment { fill: None, ..SpecAugment::default() }, 0);
    let changed: Vec<f32> =
        x.values().iter().zip(whole.values()).filter(|(a, b)| a != b).map(|(a, _)| *a).collect();
    assert!(!changed.is_empty());
    // The second kind of mask takes the mean of the whole spectrogram, too.
    assert!(changed.iter().all(|v| *v == 300.5), "the mean");
    let mut nothing = Spectrogram::new(vec![], [0, 0]).unwrap();
    SpecAugment::default().apply(&mut nothing, &mut Draws::new(0, 0, 0));
}

fn wav(case: &Value) -> Vec<u8> {
    let hex = case["bytes"].as_str().unwrap().as_bytes();
    hex.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn wav_files_are_read_as_soundfile_reads_them() {
    let recorded = recorded();
    let directory = tempfile::tempdir().unwrap();
    for case in recorded["wavs"].as_array().unwrap() {
        let path = directory.path().join("sound.wav");
        std::fs::write(&path, wav(case)).unwrap();
        let wave = Wave::read(&path).unwrap();
        let expected: Vec<Vec<f64>> = case["channels"].as_array().unwrap().iter().map(numbers).collect();
        assert_eq!((wave.rate, wave.channels.len()), (22050, expected.len()));
        for (channel, expected) in wave.channels.iter().zip(&expected) {
            assert_eq!(channel.len(), expected.len());
            assert!(
                wide(channel).zip(expected).all(|(a, b)| (a - b).abs() < 1e-7),
                "{channel:?} {expected:?}"
            );
        }
        let mean = expected.iter().map(|c| c[1]).sum::<f64>() / expected.len() as f64;
        assert!((f64::from(wave.mono()[1]) - mean).abs() < 1e-6);
    }
    assert!(matches!(Wave::read(directory.path().join("none.wav")), Err(Error::Read { .. })));
}

#[test]
fn written_wav_files_are_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sound.wav");
    let wave = Wave { channels: vec![vec![0.0, 0.25, -1.0], vec![0.5, 3.0, 0.1]], rate: 8000 };
    wave.write(&path).unwrap();
    let read = Wave::read(&path).unwrap();
    assert_eq!((read.rate, &read.channels[0]), (8000, &wave.channels[0]));
    // Too loud a sample is clamped, and 0.1 is no multiple of 2^-15.
    assert_eq!(read.channels[1][..2], [0.5, 32767.0 / 32768.0]);
    assert!((read.channels[1][2] - 0.1).abs() < 1.0 / 65536.0 + 1e-9);
    assert!(matches!(wave.write(directory.path()), Err(Error::Write { .. })));
}

#[test]
fn damaged_wav_files_say_what_is_wrong() {
    let good = wav(&recorded()["wavs"][3]);
    assert!(Wave::parse("a.wav", &good).is_ok());
    let refused = |bytes: &[u8]| match Wave::parse("a.wav", bytes) {
        Err(Error::Wav { file, problem }) => {
            assert_eq!(file, "a.wav");
            problem
        }
        other => panic!("{other:?}"),
    };
    let with = |at: usize, value: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        refused(&bytes)
    };
    assert!(refused(&[]).contains("RIFF"));
    assert!(with(8, b"AVI ").contains("WAVE"));
    assert!(refused(&good[..good.len() - 1]).contains("cut short"));
    assert!(refused(&good[..36]).contains("no chunk \"data\""));
    assert!(with(4 + 12, &u32::MAX.to_le_bytes()).contains("cut short"));
    assert!(with(20, &[2, 0]).contains("format 2"));
    assert!(with(22, &[0, 0]).contains("0 channels"));
    assert!(with(24, &[0; 4]).contains("0 Hz"));
    assert!(with(34, &[12, 0]).contains("12 bits"));
    assert!(with(12, b"junk").contains("before"));
    let double =
        recorded()["wavs"].as_array().unwrap().iter().map(wav).find(|b| b[20] == 3 && b[34] == 64).unwrap();
    let mut bytes = double.clone();
    let end = bytes.len();
    bytes[end - 8..].copy_from_slice(&f64::NAN.to_le_bytes());
    assert!(refused(&bytes).contains("not finite"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Any bytes, and any change of a good file: samples or an error, never a panic.
    #[test]
    fn any_bytes_are_read_or_refused(which in 0usize..14, edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), cut in any::<prop::sample::Index>()) {
        let mut bytes = wav(&recorded()["wavs"][which]);
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len() + 1).max(12));
        if let Ok(wave) = Wave::parse("a.wav", &bytes) {
            let frames = wave.channels[0].len();
            prop_assert!(wave.rate > 0 && wave.channels.iter().all(|c| c.len() == frames));
            prop_assert!(frames * wave.channels.len() <= bytes.len());
        }
    }
}
