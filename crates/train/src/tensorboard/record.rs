//! TFRecord framing: length, checksum of the length, the bytes, checksum of the bytes, all little-endian.

/// A record of an event file.
pub(super) fn framed(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), bytes, &masked_crc(bytes)].concat()
}

/// CRC-32C, rotated and offset, because a CRC over data that contain CRCs is weak.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    let crc = crc32c::crc32c(bytes);
    crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}
