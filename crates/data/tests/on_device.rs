//! Augmentation of batches on every device: what each function does, and that devices agree.

use autograd::{Device, Generator, Tensor};
use data::on_device::*;
use data::{ColorJitter, Image, Normalize, Op, RandomResizedCrop};

const SHAPE: [usize; 4] = [6, 3, 9, 7];

/// Images whose pixels all differ, in 0..1.
fn images(device: &Device) -> Tensor {
    let count = SHAPE.iter().product::<usize>();
    let pixels: Vec<f32> = (0..count).map(|i| (i * 389 % count) as f32 / count as f32).collect();
    Tensor::from_slice(device, &pixels, &SHAPE).unwrap()
}

fn values(x: &Tensor) -> Vec<f32> {
    x.to_vec().unwrap()
}

fn image(x: &[f32], i: usize) -> &[f32] {
    &x[i * x.len() / SHAPE[0]..(i + 1) * x.len() / SHAPE[0]]
}

/// Runs `test` on every device, and compares the results: to the bit for a tolerance of 0.
fn agree(tolerance: f32, test: impl Fn(&Device) -> Tensor) {
    let results: Vec<Vec<f32>> =
        gpu_core::testing::devices().iter().map(|device| values(&test(device))).collect();
    for other in &results[1..] {
        let differ = results[0].iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(differ <= tolerance, "devices differ by {differ}");
    }
}

#[test]
fn flips_are_whole_images() {
    agree(0.0, |device| {
        let x = images(device);
        let (own, mirrored) = (values(&x), values(&x.flip(&[-1])));
        let generator = Generator::new(3);
        let mut flips = 0;
        for _ in 0..20 {
            let y = values(&random_flip(&x, 0.25, &generator));
            for i in 0..SHAPE[0] {
                let flipped = image(&y, i) == image(&mirrored, i);
                assert!(flipped || image(&y, i) == image(&own, i));
                flips += usize::from(flipped);
            }
        }
        assert!((15..=45).contains(&flips), "{flips} of 120");
        random_flip(&x, 0.25, &generator)
    });
}

/// Every output is the image moved by one offset, and all offsets come up.
#[test]
fn crops_move_images_by_up_to_the_padding() {
    agree(0.0, |device| {
        let x = images(device);
        let own = values(&x);
        let [_, c, h, w] = SHAPE;
        let moved = |image: &[f32], dy: isize, dx: isize| -> Vec<f32> {
            let at = |c: usize, y: isize, x: isize| {
                let inside = (0..h as isize).contains(&y) && (0..w as isize).contains(&x);
                if inside { image[(c * h + y as usize) * w + x as usize] } else { 0.0 }
            };
            let row = |c, y: usize| (0..w).map(move |x| at(c, y as isize + dy, x as isize + dx));
            (0..c).flat_map(|c| (0..h).flat_map(move |y| row(c, y))).collect()
        };
        let offsets: Vec<_> = (-2..=2).flat_map(|dy| (-2..=2).map(move |dx| (dy, dx))).collect();
        let generator = Generator::new(1);
        let mut seen = vec![0; offsets.len()];
        for _ in 0..40 {
            let y = values(&random_crop(&x, 2, &generator));
            for i in 0..SHAPE[0] {
                let hit = offsets.iter().position(|&(dy, dx)| moved(image(&own, i), dy, dx) == image(&y, i));
                seen[hit.expect("a move by up to 2 pixels")] += 1;
            }
        }
        assert!(seen.iter().all(|&n| n > 0), "{seen:?}");
        assert_eq!(values(&random_crop(&x, 0, &generator)), own);
        random_crop(&x, 2, &generator)
    });
}

/// Every output is a part of the image as the host enlarges it, of an area and ratio asked for, and parts are everywhere.
#[test]
fn resized_crops_are_those_of_the_host() {
    let [n, c, h, w] = SHAPE;
    let bytes: Vec<u8> = (0..n * c * h * w).map(|i| (i * 389 % 251) as u8).collect();
    let pixels: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte)).collect();
    let on_host = |i: usize, [top, left, height, width]: [usize; 4]| {
        let mut host = Image::new(&bytes[i * c * h * w..][..c * h * w], [c, h, w], &[0; 3]);
        host.apply(&Op::ResizedCrop { top, left, height, width });
        host.pixels().to_vec()
    };
    let sizes = (1..=h).flat_map(|height| (1..=w).map(move |width| (height, width)));
    let parts: Vec<[usize; 4]> = sizes
        .flat_map(|(height, width)| {
            (0..=h - height).flat_map(move |top| (0..=w - width).map(move |left| [top, left, height, width]))
        })
        .collect();
    let crop = RandomResizedCrop { scale: [0.2, 0.8], ratio: [0.5, 2.0] };
    agree(1e-4, |device| {
        let x = Tensor::from_slice(device, &pixels, &SHAPE).unwrap();
        let generator = Generator::new(1);
        let (mut heights, mut widths, mut corners) = (vec![], vec![], [0; 4]);
        for _ in 0..10 {
            let y = values(&random_resized_crop(&x, &crop, &generator));
            for i in 0..n {
                let same = |part: &&[usize; 4]| {
                    let close = |(y, byte): (&f32, u8)| (y - f32::from(byte)).abs() <= 1.01;
                    image(&y, i).iter().zip(on_host(i, **part)).all(close)
                };
                let &[top, left, height, width] = parts.iter().find(same).expect("a part of the image");
                let (rows, columns) = (height as f32, width as f32);
                // Half a pixel is rounded away on each side.
                assert!((rows - 0.5) * (columns - 0.5) <= 0.8 * 63.0);
                assert!((rows + 0.5) * (columns + 0.5) >= 0.2 * 63.0);
                assert!((columns - 0.5) / (rows + 0.5) <= 2.0 && (columns + 0.5) / (rows - 0.5) >= 0.5);
                heights.push(height);
                widths.push(width);
                let at = [top == 0, left == 0, top + height == h, left + width == w];
                corners.iter_mut().zip(at).for_each(|(count, at)| *count += usize::from(at));
            }
        }
        assert!(heights.iter().any(|&size| size < 5) && heights.iter().any(|&size| size > 6), "{heights:?}");
        assert!(widths.iter().any(|&size| size < 4) && widths.iter().any(|&size| size > 5), "{widths:?}");
        assert!(corners.iter().all(|&count| (5..=55).contains(&count)), "{corners:?} of 60");
        // No part of three times the area fits: the largest central one of an allowed ratio is taken.
        let never = RandomResizedCrop { scale: [3.0, 3.0], ratio: [1.0, 1.0] };
        let y = values(&random_resized_crop(&x, &never, &generator));
        assert!(
            image(&y, 2)
                .iter()
                .zip(on_host(2, [1, 0, 7, 7]))
                .all(|(y, byte)| (y - f32::from(byte)).abs() <= 1.01)
        );
        random_resized_crop(&x, &crop, &generator)
    });
}

/// The gradient goes back to where pixels came from.
#[test]
fn gradients_follow_a_crop() {
    agree(0.0, |device| {
        let x = images(device).variable();
        let y = random_crop(&x, 2, &Generator::new(9));
        let shown = y.detach().ne(0.0).to(autograd::DType::F32).sum_all().item().unwrap();
        let dx = y.sum_all().backward().get(&x).unwrap().clone();
        assert!((dx.sum_all().item().unwrap() - shown).abs() <= 1.0, "one pixel is 0 itself");
        dx
    });
}

/// The rows and columns of a plane where something differs, which must be a full rectangle.
fn rectangle(a: &[f32], b: &[f32]) -> Option<[usize; 4]> {
    let [_, c, h, w] = SHAPE;
    let differs = |y: usize, x: usize| (0..c).any(|c| a[(c * h + y) * w + x] != b[(c * h + y) * w + x]);
    let rows: Vec<usize> = (0..h).filter(|&y| (0..w).any(|x| differs(y, x))).collect();
    let columns: Vec<usize> = (0..w).filter(|&x| (0..h).any(|y| differs(y, x))).collect();
    let [top, bottom] = [*rows.first()?, rows.last()? + 1];
    let [left, right] = [*columns.first()?, columns.last()? + 1];
    assert!((top..bottom).all(|y| (left..right).all(|x| differs(y, x))), "not a rectangle");
    Some([top, bottom, left, right])
}

#[test]
fn erased_rectangles_have_the_area_and_ratio_asked_for() {
    agree(0.0, |device| {
        let x = images(device);
        let own = values(&x);
        let erasing = RandomErasing { p: 0.5, scale: [0.1, 0.3], ratio: [0.5, 2.0], value: 7.0 };
        let generator = Generator::new(2);
        let (mut erased, mut corners) = (0, 0);
        for _ in 0..20 {
            let y = values(&erasing.apply(&x, &generator));
            for i in 0..SHAPE[0] {
                let Some([top, bottom, left, right]) = rectangle(image(&own, i), image(&y, i)) else {
                    continue;
                };
                let (height, width) = ((bottom - top) as f32, (right - left) as f32);
                // Half a pixel is rounded away on each side.
                assert!(
                    (height - 0.5) * (width - 0.5) <= 0.3 * 63.0
                        && (height + 0.5) * (width + 0.5) >= 0.1 * 63.0
                );
                assert!((height - 0.5) / (width + 0.5) <= 2.0 && (height + 0.5) / (width - 0.5) >= 0.5);
                assert_eq!(y.iter().filter(|y| **y == 7.0).count() % SHAPE[1], 0);
                corners += usize::from(bottom == SHAPE[2]) + usize::from(right == SHAPE[3]);
                erased += 1;
            }
        }
        assert!((40..=80).contains(&erased) && corners > 0, "{erased} of 120, {corners} at the far sides");
        // Where no rectangle is smaller than the image, it stays whole.
        let never = RandomErasing { p: 1.0, scale: [2.0, 3.0], ..erasing };
        assert_eq!(values(&never.apply(&x, &generator)), own);
        erasing.apply(&x, &generator)
    });
}

#[test]
fn cut_out_squares_are_cut_by_the_border_alone() {
    agree(0.0, |device| {
        let x = images(device) + 1.0;
        let own = values(&x);
        let generator = Generator::new(4);
        for _ in 0..20 {
            let y = values(&cutout(&x, 4, &generator));
            for i in 0..SHAPE[0] {
                let [top, bottom, left, right] = rectangle(image(&own, i), image(&y, i)).unwrap();
                assert!(bottom - top == 4 || (bottom - top >= 2 && (top == 0 || bottom == SHAPE[2])));
                assert!(right - left == 4 || (right - left >= 2 && (left == 0 || right == SHAPE[3])));
            }
        }
        cutout(&x, 4, &generator)
    });
}

#[test]
fn mixup_blends_images_and_targets_alike() {
    agree(1e-5, |device| {
        let x = images(device);
        let labels = Tensor::from_slice(device, &[0i32, 1, 2, 3, 0, 3], &[6]).unwrap();
        let mixup = Mixup::draw(device, 0.4, &Generator::new(5));
        let lambda = mixup.lambda().item().unwrap();
        assert!((0.0..=1.0).contains(&lambda));
        let (own, mixed) = (values(&x), values(&mixup.mix(&x)));
        let size = own.len() / 6;
        for (i, mixed) in mixed.iter().enumerate() {
            let before = own[(i + 5 * size) % own.len()];
            assert!((mixed - (lambda * own[i] + (1.0 - lambda) * before)).abs() < 1e-6);
        }
        let targets = values(&mixup.targets(&labels, 4));
        assert_eq!(targets[4..8], [1.0 - lambda, lambda, 0.0, 0.0]);
        assert_eq!(targets[20..24], [1.0 - lambda, 0.0, 0.0, lambda]);
        // A hidden layer's tensor.
        let hidden = mixup.mix(&x.reshape(&[6, 189]).narrow(1, 0, 10));
        assert_eq!(hidden.shape(), [6, 10]);
        hidden
    });
}

/// Beta(2, 2) has mean 1/2 and variance 1/20.
#[test]
fn shares_are_of_the_beta_distribution() {
    let (device, generator) = (Device::named("cpu").unwrap(), Generator::new(6));
    let draws: Vec<f64> = (0..1500)
        .map(|_| f64::from(Mixup::draw(&device, 2.0, &generator).lambda().item().unwrap()))
        .collect();
    let mean = draws.iter().sum::<f64>() / 1500.0;
    let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1500.0;
    assert!((mean - 0.5).abs() < 0.02 && (variance - 0.05).abs() < 0.005, "{mean} {variance}");
}

#[test]
fn cutmix_takes_a_rectangle_of_the_image_before() {
    agree(0.0, |device| {
        let x = images(device);
        let labels = Tensor::arange(device, 6);
        let own = values(&x);
        let generator = Generator::new(8);
        let mut areas = vec![];
        for _ in 0..30 {
            let cutmix = CutMix::draw(&x, 1.0, &generator);
            let mixed = values(&cutmix.mix(&x));
            let lambda = cutmix.lambda().item().unwrap();
            let rectangles: Vec<_> = (0..6).map(|i| rectangle(image(&own, i), image(&mixed, i))).collect();
            assert!(rectangles.iter().all(|r| *r == rectangles[0]), "one rectangle for all");
            let area = rectangles[0].map_or(0, |[t, b, l, r]| (b - t) * (r - l));
            assert!((lambda - (1.0 - area as f32 / 63.0)).abs() < 1e-6);
            if let Some([top, _, left, _]) = rectangles[0] {
                let at = top * SHAPE[3] + left;
                assert_eq!(image(&mixed, 2)[at], image(&own, 1)[at]);
                assert_eq!(image(&mixed, 0)[at], image(&own, 5)[at]);
            }
            let targets = values(&cutmix.targets(&labels, 6));
            assert!((targets[0] - lambda).abs() < 1e-6 && (targets[5] - (1.0 - lambda)).abs() < 1e-6);
            areas.push(area);
        }
        areas.sort_unstable();
        areas.dedup();
        assert!(areas.len() > 8, "{areas:?}");
        CutMix::draw(&x, 1.0, &generator).mix(&x)
    });
}

#[test]
fn noise_is_drawn_for_pixels() {
    agree(1e-5, |device| {
        let x = images(device);
        let noise = values(&(gaussian_noise(&x, 0.1, &Generator::new(0)) - &x));
        let deviation = (noise.iter().map(|x| x * x).sum::<f32>() / noise.len() as f32).sqrt();
        assert!((deviation - 0.1).abs() < 0.01, "{deviation}");
        let y = values(&salt_and_pepper(&x, 0.5, [-1.0, 2.0], &Generator::new(1)));
        let area = SHAPE[2] * SHAPE[3];
        let mut counts = [0; 2];
        for i in 0..SHAPE[0] {
            for at in 0..area {
                let pixel = [0, 1, 2].map(|c| image(&y, i)[c * area + at]);
                for (count, value) in counts.iter_mut().zip([-1.0, 2.0]) {
                    let hits = pixel.iter().filter(|p| **p == value).count();
                    assert!(hits == 0 || hits == 3, "all channels or none");
                    *count += hits / 3;
                }
            }
        }
        assert!(counts.iter().all(|n| (65..125).contains(n)), "{counts:?} of 378, a quarter each");
        gaussian_noise(&x, 0.1, &Generator::new(0))
    });
}

/// The device's formulas against the host's, which are Pillow's and truncate to bytes: within 2.3 of 255.
#[test]
fn colours_are_those_of_the_host() {
    agree(1e-5, |device| {
        let x = images(device);
        let bytes: Vec<u8> = values(&x).iter().map(|x| (x * 255.0).round() as u8).collect();
        let x = Tensor::from_slice(
            device,
            &bytes.iter().map(|&b| f32::from(b) / 255.0).collect::<Vec<_>>(),
            &SHAPE,
        )
        .unwrap();
        let factors = [0.0, 0.4, 1.0, 1.7, 2.5, 0.9];
        let turns = [0.0, 0.1, -0.3, 0.5, -0.5, 0.25];
        let column = |values: [f32; 6]| Tensor::from_slice(device, &values, &[6, 1, 1, 1]).unwrap();
        type Adjust = (fn(&Tensor, &Tensor) -> Tensor, fn(f32) -> Op, [f32; 6]);
        let cases: [Adjust; 5] = [
            (adjust_brightness, Op::Brightness, factors),
            (adjust_contrast, Op::Contrast, factors),
            (adjust_saturation, Op::Saturation, factors),
            (adjust_hue, Op::Hue, turns),
            (|x, _| grayscale(x), |_| Op::Grayscale, factors),
        ];
        let mut all = vec![];
        for (adjust, op, arguments) in cases {
            let adjusted = adjust(&x, &column(arguments));
            let found = values(&adjusted);
            for i in 0..SHAPE[0] {
                let pixels = &bytes[i * 189..(i + 1) * 189];
                let mut host = Image::new(pixels, [3, 9, 7], &[0; 3]);
                host.apply(&op(arguments[i]));
                for (&found, &host) in image(&found, i).iter().zip(host.pixels()) {
                    // Pillow's mean grey, too, is a byte, and is scaled by up to 1.5.
                    assert!((found * 255.0 - f32::from(host)).abs() < 2.3, "{:?}", op(arguments[i]));
                }
            }
            all.push(adjusted);
        }
        autograd::cat(&all.iter().collect::<Vec<_>>(), 0)
    });
}

#[test]
fn colours_of_one_channel() {
    agree(1e-6, |device| {
        let x = images(device).narrow(1, 0, 1);
        let factor = Tensor::scalar(device, 0.5);
        assert_eq!(values(&adjust_hue(&x, &factor)), values(&x));
        for (a, b) in values(&adjust_saturation(&x, &factor)).iter().zip(values(&x)) {
            assert!((a - b).abs() < 1e-6);
        }
        adjust_contrast(&x, &factor)
    });
}

#[test]
fn jitter_and_grayscale_are_drawn_for_each_image() {
    agree(1e-5, |device| {
        let x = Tensor::full(device, 0.4, &[200, 3, 1, 1]);
        let jitter = ColorJitter { brightness: 0.5, ..ColorJitter::default() };
        let y = values(&color_jitter(&x, &jitter, &Generator::new(0)));
        let factors: Vec<f32> = y.chunks(3).map(|pixel| pixel[0] / 0.4).collect();
        let (low, high) = factors.iter().fold((9.0f32, 0.0f32), |(l, h), &f| (l.min(f), h.max(f)));
        assert!((0.5..0.53).contains(&low) && (1.47..1.5).contains(&high), "{low} to {high}");
        let same = color_jitter(&x, &ColorJitter::default(), &Generator::new(0));
        assert!(same.same(&x) || values(&same) == values(&x));
        let x = images(device);
        let grey = values(&random_grayscale(&x, 0.5, &Generator::new(2)));
        let (own, all) = (values(&x), values(&grayscale(&x)));
        let hits = (0..6).filter(|&i| image(&grey, i) == image(&all, i)).count();
        assert!((0..6).all(|i| image(&grey, i) == image(&all, i) || image(&grey, i) == image(&own, i)));
        assert!((1..6).contains(&hits), "{hits} of 6");
        let whole = ColorJitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
        color_jitter(&x, &whole, &Generator::new(1))
    });
}

#[test]
fn normalising_is_what_a_loader_does() {
    agree(1e-6, |device| {
        let x = images(device);
        let by = Normalize { mean: vec![0.1, 0.2, 0.3], std: vec![0.5, 1.0, 2.0] };
        let (own, y) = (values(&x), values(&normalize(&x, &by)));
        for (i, (x, y)) in own.iter().zip(&y).enumerate() {
            let c = i / 63 % 3;
            assert!((y - (x - by.mean[c]) / by.std[c]).abs() < 1e-6);
        }
        normalize(&x, &by)
    });
}

#[test]
#[should_panic(expected = "random_crop: images [N, C, H, W]")]
fn other_shapes_are_refused() {
    random_crop(&Tensor::zeros(&Device::named("cpu").unwrap(), &[3, 4]), 1, &Generator::new(0));
}
