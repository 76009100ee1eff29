//! The messages of TensorFlow's `event.proto` and `summary.proto` that TensorBoard needs.

use super::buckets::Histogram;
use super::wire::Message;

/// The value of an event.
pub(super) enum Value<'a> {
    Scalar(f32),
    Histogram(&'a Histogram),
    Image { png: &'a [u8], width: u32, height: u32 },
    Text(&'a str),
}

/// `DT_STRING` of `types.proto`.
const STRING: u64 = 7;
/// `Summary.Image.colorspace` of RGB.
const RGB: u64 = 3;

/// The event that opens every file.
pub(super) fn version(wall_time: f64) -> Vec<u8> {
    Message::default().double(1, wall_time).bytes(3, b"brain.Event:2").finish()
}

/// An event with one value.
pub(super) fn summary(wall_time: f64, step: u64, tag: &str, value: &Value) -> Vec<u8> {
    let tagged = Message::default().bytes(1, tag.as_bytes());
    let value = match value {
        Value::Scalar(value) => tagged.float(2, *value),
        Value::Image { png, width, height } => {
            let size = Message::default().integer(1, (*height).into()).integer(2, (*width).into());
            tagged.message(4, size.integer(3, RGB).bytes(4, png))
        }
        Value::Histogram(histogram) => tagged.message(5, histogram_proto(histogram)),
        Value::Text(text) => {
            let plugin = Message::default().bytes(1, b"text");
            // A tensor of shape [1].
            let shape = Message::default().message(2, Message::default().integer(1, 1));
            let tensor = Message::default().integer(1, STRING).message(2, shape).bytes(8, text.as_bytes());
            tagged.message(8, tensor).message(9, Message::default().message(1, plugin))
        }
    };
    let summary = Message::default().message(1, value);
    Message::default().double(1, wall_time).integer(2, step).message(5, summary).finish()
}

fn histogram_proto(histogram: &Histogram) -> Message {
    Message::default()
        .double(1, histogram.min)
        .double(2, histogram.max)
        .double(3, histogram.count)
        .double(4, histogram.sum)
        .double(5, histogram.sum_squares)
        .doubles(6, &histogram.limits)
        .doubles(7, &histogram.counts)
}
