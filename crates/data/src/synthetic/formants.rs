//! Words spoken by a small formant synthesiser (Klatt 1980, "Software for a cascade/parallel formant synthesizer").

use std::f64::consts::{PI, TAU};

use crate::draws::Draws;

/// The letters that can be spoken: vowels, then consonants.
pub const SPOKEN_LETTERS: &str = "aeioumnlrsft";

/// A sound: resonances in Hz, whether it is voiced, its level (of vowels, 1), seconds of silence before it, and its mean duration in seconds.
struct Sound {
    formants: [f64; 3],
    voiced: bool,
    level: f64,
    closure: f64,
    seconds: f64,
}

const fn voiced(formants: [f64; 3], level: f64, seconds: f64) -> Sound {
    Sound { formants, voiced: true, level, closure: 0.0, seconds }
}

const fn unvoiced(formants: [f64; 3], level: f64, closure: f64, seconds: f64) -> Sound {
    Sound { formants, voiced: false, level, closure, seconds }
}

/// In the order of [`SPOKEN_LETTERS`]; the vowels are men's of Peterson and Barney (1952).
const SOUNDS: [Sound; 12] = [
    voiced([730.0, 1090.0, 2440.0], 1.0, 0.11),
    voiced([530.0, 1840.0, 2480.0], 1.0, 0.11),
    voiced([270.0, 2290.0, 3010.0], 1.0, 0.11),
    voiced([570.0, 840.0, 2410.0], 1.0, 0.11),
    voiced([300.0, 870.0, 2240.0], 1.0, 0.11),
    voiced([250.0, 1000.0, 2200.0], 0.4, 0.08),
    voiced([250.0, 1700.0, 2700.0], 0.4, 0.08),
    voiced([360.0, 1300.0, 2800.0], 0.6, 0.08),
    voiced([420.0, 1200.0, 1600.0], 0.6, 0.08),
    unvoiced([2900.0, 3400.0, 3800.0], 0.4, 0.0, 0.10),
    unvoiced([900.0, 2000.0, 3300.0], 0.15, 0.0, 0.09),
    unvoiced([2200.0, 3000.0, 3700.0], 0.4, 0.04, 0.025),
];

/// Bandwidths of the three resonances, in Hz.
const BANDWIDTHS: [f64; 3] = [70.0, 100.0, 160.0];
/// The share of a sound in which its resonances are still on their way from those of the sound before.
const GLIDE: f64 = 0.35;
/// Samples between changes of the resonances.
const RETUNED: usize = 8;

/// What distinguishes one voice from another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Voice {
    /// The mean fundamental frequency in Hz.
    pub pitch: f64,
    /// The factor on all resonances: above 1 for a vocal tract shorter than that of Peterson and Barney's men.
    pub tract: f64,
    /// The share of noise in voiced sounds.
    pub breath: f64,
}

impl Voice {
    /// A voice with a pitch of 90 to 260 Hz, a tract of 0.88 to 1.15 and a breath of 0.01 to 0.15.
    pub fn drawn(draws: &mut Draws) -> Voice {
        let mut within = |low, high| f64::from(draws.between(low, high));
        Voice { pitch: within(90.0, 260.0), tract: within(0.88, 1.15), breath: within(0.01, 0.15) }
    }
}

/// A spoken word, and where its letters end.
#[derive(Clone, Debug, PartialEq)]
pub struct Utterance {
    /// Samples in -1..1.
    pub signal: Vec<f32>,
    /// The sample after the last one of each letter.
    pub ends: Vec<usize>,
}

/// A word of [`SPOKEN_LETTERS`] in a voice, at `rate` samples a second, at least 8000: pulses or noise through three resonances that glide from
/// letter to letter. Durations vary by 15 %, and the pitch falls towards the end. White noise of deviation `noise` is added; the loudest
/// sample of the word itself is 0.6.
///
/// ```
/// use data::{Draws, synthetic::{Voice, formants}};
/// let voice = Voice { pitch: 120.0, tract: 1.0, breath: 0.02 };
/// let said = formants("mas", voice, 8000, 0.0, &mut Draws::new(42, 0, 0));
/// assert_eq!((said.ends.len(), said.ends[2]), (3, said.signal.len()));
/// assert_eq!(said.signal.iter().fold(0f32, |most, x| most.max(x.abs())), 0.6);
/// // Neighbouring samples of the fricative have opposite signs more often than those of the vowel.
/// let changes = |part: &[f32]| part.windows(2).filter(|w| w[0] * w[1] < 0.0).count() as f64 / part.len() as f64;
/// let [m, a, s] = [said.ends[0], said.ends[1], said.ends[2]];
/// assert!(changes(&said.signal[a + 300..s]) > 2.0 * changes(&said.signal[m..a]));
/// ```
///
/// # Panics
/// If a letter is not spoken, or there are none.
#[track_caller]
pub fn formants(word: &str, voice: Voice, rate: u32, noise: f64, draws: &mut Draws) -> Utterance {
    let sounds: Vec<&Sound> = word.chars().map(sound).collect();
    assert!(!sounds.is_empty(), "formants: an empty word");
    let per_second = f64::from(rate);
    let (mut signal, mut ends): (Vec<f64>, Vec<usize>) = (Vec::new(), Vec::new());
    let (mut now, mut glottis, mut phase) = (sounds[0].formants, 0.0, 0.0);
    let mut resonators = [Resonator::default(); 3];
    let mut gain = 0.0;
    for (at, sound) in sounds.iter().enumerate() {
        let (before, start) = (now, signal.len());
        // What rings on from the voice would drown noise, and the other way round.
        if at > 0 && sounds[at - 1].voiced != sound.voiced {
            (resonators, gain) = ([Resonator::default(); 3], 0.0);
        }
        let seconds = sound.seconds * f64::from(draws.between(0.85, 1.15));
        let (closed, count) = ((sound.closure * per_second) as usize, (seconds * per_second) as usize);
        for i in 0..closed + count {
            let along = i.saturating_sub(closed) as f64 / count as f64;
            let share = (along / GLIDE).min(1.0);
            now = std::array::from_fn(|f| before[f] + share * (sound.formants[f] - before[f]));
            if i % RETUNED == 0 {
                for ((resonator, f), bandwidth) in resonators.iter_mut().zip(now).zip(BANDWIDTHS) {
                    resonator.tune(f * voice.tract, bandwidth, per_second);
                }
            }
            phase += voice.pitch * (1.05 - 0.15 * (at as f64 + along) / sounds.len() as f64) / per_second;
            let pulse = f64::from(u8::from(phase >= 1.0));
            phase = phase.fract();
            // The glottis weakens high frequencies.
            glottis += (pulse - glottis) * 0.3;
            let air = 0.15 * draws.normal();
            let source = if sound.voiced { glottis + voice.breath * air } else { air };
            signal.push(resonators.iter_mut().fold(source, |x, resonator| resonator.step(x)));
        }
        // Resonances amplify very differently: the sound gets its level, within about 5 ms, which prevents clicks.
        let spoken = &mut signal[start..];
        let power = spoken[closed..].iter().map(|x| x * x).sum::<f64>() / count as f64;
        for (i, x) in spoken.iter_mut().enumerate() {
            let wanted = if i < closed { 0.0 } else { sound.level / power.sqrt().max(1e-9) };
            gain += (wanted - gain) * (200.0 / per_second);
            *x *= gain;
        }
        ends.push(signal.len());
    }
    let loudest = signal.iter().fold(1e-9, |most: f64, x| most.max(x.abs()));
    let scaled = |x: f64| (0.6 * x / loudest) as f32;
    let mut signal: Vec<f32> = signal.into_iter().map(scaled).collect();
    if noise > 0.0 {
        signal.iter_mut().for_each(|x| *x = (*x + (noise * draws.normal()) as f32).clamp(-1.0, 1.0));
    }
    Utterance { signal, ends }
}

#[track_caller]
fn sound(letter: char) -> &'static Sound {
    let at = SPOKEN_LETTERS.find(letter);
    &SOUNDS[at.unwrap_or_else(|| panic!("formants: {letter:?} is none of {SPOKEN_LETTERS}"))]
}

/// A resonance of second order with gain 1 at frequency 0 (Klatt 1980, equation 2): `y = (1 - b - c) x + b y' + c y''`.
#[derive(Clone, Copy, Default)]
struct Resonator {
    b: f64,
    c: f64,
    /// The outputs before.
    past: [f64; 2],
}

impl Resonator {
    fn tune(&mut self, frequency: f64, bandwidth: f64, rate: f64) {
        let frequency = frequency.min(0.49 * rate);
        self.c = -(-TAU * bandwidth / rate).exp();
        self.b = 2.0 * (-PI * bandwidth / rate).exp() * (TAU * frequency / rate).cos();
    }

    fn step(&mut self, x: f64) -> f64 {
        let y = (1.0 - self.b - self.c) * x + self.b * self.past[0] + self.c * self.past[1];
        self.past = [y, self.past[0]];
        y
    }
}
