//! Reading and writing WAV files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// Files may have this many bytes.
const LIMIT: u64 = 1 << 30;

/// A recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Wave {
    /// The samples of each channel, equally many; integer formats are scaled to -1..1.
    pub channels: Vec<Vec<f32>>,
    /// Samples a second, above 0.
    pub rate: u32,
}

impl Wave {
    /// Reads a WAV file of at most 1 GiB.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::TooLarge`] if the file can't be read, and as [`parse`](Wave::parse).
    pub fn read(path: impl AsRef<Path>) -> Result<Wave> {
        let path = path.as_ref();
        let fault = |source| Error::Read { path: path.into(), source };
        let (file, mut bytes) = (File::open(path).map_err(fault)?, vec![]);
        file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(fault)?;
        if bytes.len() as u64 > LIMIT {
            return Err(Error::TooLarge { what: path.display().to_string(), limit: LIMIT });
        }
        Wave::parse(&path.display().to_string(), &bytes)
    }

    /// Reads a WAV file from memory; `file` names it in errors. Integers of 8, 16, 24 and 32 bits and floats of 32 and 64 bits
    /// are read, also in the extensible format.
    ///
    /// # Errors
    /// [`Error::Wav`] if it is no WAV file, cut short, of another format, or holds samples that are not finite.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Wave> {
        parse(bytes).map_err(|problem| Error::Wav { file: file.into(), problem })
    }

    /// Writes a WAV file of 16-bit integers; samples are clamped to -1..1, and 1 becomes 32767.
    ///
    /// # Errors
    /// [`Error::Write`] if the file can't be written.
    ///
    /// # Panics
    /// If the channels have different lengths, or there are none or more than 65535.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        std::fs::write(path, self.encoded()).map_err(|source| Error::Write { path: path.into(), source })
    }

    fn encoded(&self) -> Vec<u8> {
        let frames = self.channels.first().map_or(0, Vec::len);
        assert!(
            self.channels.iter().all(|channel| channel.len() == frames),
            "Wave: channels of different lengths"
        );
        let count = u16::try_from(self.channels.len()).ok().filter(|&count| count > 0);
        let channels = count.expect("Wave: no channels, or too many");
        let (align, size) = (2 * channels, (2 * frames * self.channels.len()) as u32);
        let mut bytes = Vec::with_capacity(44 + size as usize);
        bytes.extend(b"RIFF");
        bytes.extend((36 + size).to_le_bytes());
        bytes.extend(b"WAVEfmt ");
        bytes.extend(16u32.to_le_bytes());
        [1, channels].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        [self.rate, self.rate * u32::from(align)].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        [align, 16].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        bytes.extend(b"data");
        bytes.extend(size.to_le_bytes());
        for t in 0..frames {
            for channel in &self.channels {
                let sample = (channel[t] * 32768.0).round().clamp(-32768.0, 32767.0) as i16;
                bytes.extend(sample.to_le_bytes());
            }
        }
        bytes
    }

    /// The mean of the channels.
    pub fn mono(&self) -> Vec<f32> {
        let frames = self.channels.first().map_or(0, Vec::len);
        let mean = |i: usize| self.channels.iter().map(|c| c[i]).sum::<f32>() / self.channels.len() as f32;
        (0..frames).map(mean).collect()
    }
}

/// Floats, or integers.
#[derive(Clone, Copy)]
enum Coding {
    Integer,
    Float,
}

struct Format {
    coding: Coding,
    channels: usize,
    rate: u32,
    /// Bytes a sample.
    width: usize,
}

fn parse(bytes: &[u8]) -> Result<Wave, String> {
    if bytes.get(..4) != Some(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
        return Err("it does not begin as a RIFF file of the kind WAVE; convert it to WAV".into());
    }
    let (mut rest, mut format) = (&bytes[12..], None);
    while let Some((head, body)) = rest.split_at_checked(8) {
        let size = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let name = String::from_utf8_lossy(&head[..4]);
        let Some(chunk) = body.get(..size) else {
            return Err(format!(
                "chunk {name:?} should have {size} bytes, but {} follow; the file is cut short, get it again",
                body.len()
            ));
        };
        match &head[..4] {
            b"fmt " => format = Some(parse_format(chunk)?),
            b"data" => {
                let format = format.ok_or("chunk \"data\" comes before chunk \"fmt \"; convert it again")?;
                return samples(chunk, &format);
            }
            _ => {}
        }
        // Chunks begin at even offsets.
        rest = &body[body.len().min(size + size % 2)..];
    }
    Err("there is no chunk \"data\"; the file is cut short, get it again".into())
}

fn parse_format(chunk: &[u8]) -> Result<Format, String> {
    let word = |at: usize| {
        let bytes = chunk.get(at..at + 2).ok_or("chunk \"fmt \" is too short; convert the file again")?;
        Ok::<u16, String>(u16::from_le_bytes([bytes[0], bytes[1]]))
    };
    let (channels, align, bits) = (word(2)?, word(12)?, word(14)?);
    let rate = u32::from(word(4)?) | u32::from(word(6)?) << 16;
    // The extensible format has the actual format tag further on.
    let tag = if word(0)? == 0xfffe { word(24)? } else { word(0)? };
    let coding = match (tag, bits) {
        (1, 8 | 16 | 24 | 32) => Coding::Integer,
        (3, 32 | 64) => Coding::Float,
        _ => {
            return Err(format!(
                "format {tag} with {bits} bits is not read here; convert the file to PCM of 16 bits"
            ));
        }
    };
    let format = Format { coding, channels: channels.into(), rate, width: usize::from(bits / 8) };
    if channels == 0 || rate == 0 || usize::from(align) != format.channels * format.width {
        return Err(format!(
            "{channels} channels of {bits} bits at {rate} Hz in {align} bytes make no sense; convert the file again"
        ));
    }
    Ok(format)
}

fn samples(data: &[u8], &Format { coding, channels, rate, width }: &Format) -> Result<Wave, String> {
    let frame = channels * width;
    if !data.len().is_multiple_of(frame) {
        return Err(format!(
            "{} bytes of samples are not whole frames of {frame}; get the file again",
            data.len()
        ));
    }
    let read = |bytes: &[u8]| match (coding, bytes) {
        (Coding::Integer, &[a]) => (f32::from(a) - 128.0) / 128.0,
        (Coding::Integer, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32768.0,
        (Coding::Integer, &[a, b, c]) => i32::from_le_bytes([0, a, b, c]) as f32 / 2f32.powi(31),
        (Coding::Integer, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2f32.powi(31),
        (_, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
        (_, bytes) => bytes.try_into().map_or(f32::NAN, |bytes| f64::from_le_bytes(bytes) as f32),
    };
    let channel = |c: usize| data.chunks_exact(frame).map(|f| read(&f[c * width..][..width])).collect();
    let channels: Vec<Vec<f32>> = (0..channels).map(channel).collect();
    for (c, samples) in channels.iter().enumerate() {
        if let Some(i) = samples.iter().position(|x| !x.is_finite()) {
            return Err(format!("sample {i} of channel {c} is not finite; convert the file again"));
        }
    }
    Ok(Wave { channels, rate })
}
