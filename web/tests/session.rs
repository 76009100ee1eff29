//! What the page trains, trained natively.

use autograd::Device;
use gpu_core::testing;
use pollster::block_on;
use wgrad_web::{Session, Settings, Task};

fn session(device: &Device, task: Task) -> Session {
    Session::new(device, task, Settings { seed: 1, batch: 16 }).unwrap()
}

fn verses() -> Task {
    Task::Text(include_str!("../page/verses.txt").into())
}

#[test]
fn tasks_learn_on_every_device() {
    for device in testing::devices() {
        for (task, lr) in [(Task::Digits, 0.002), (verses(), 0.005)] {
            let mut session = session(&device, task.clone());
            let steps = block_on(session.train(15, lr)).unwrap();
            let mean =
                |part: &[wgrad_web::Progress]| part.iter().map(|p| p.loss).sum::<f32>() / part.len() as f32;
            let (first, last) = (mean(&steps[..3]), mean(&steps[12..]));
            assert!(last < first - 0.2, "{task:?} on {}: {first} to {last}", device.info());
            assert_eq!(steps[14].step, 15);
        }
    }
}

#[test]
fn digits_are_classified_and_kept() {
    let device = Device::named("cpu").unwrap();
    let mut first = session(&device, Task::Digits);
    block_on(first.train(3, 0.001)).unwrap();
    let classes = block_on(first.classify(&[0.5; 784])).unwrap();
    assert_eq!((classes.len(), classes[3].0.as_str()), (10, "3"));
    assert!((classes.iter().map(|(_, p)| p).sum::<f32>() - 1.0).abs() < 1e-5);
    assert!(block_on(first.classify(&[0.5; 3])).unwrap_err().to_string().contains("3 pixels"));
    let second = Session::new(&device, Task::Digits, Settings { seed: 2, batch: 4 }).unwrap();
    second.set_weights(&block_on(first.weights()).unwrap()).unwrap();
    assert_eq!(block_on(second.classify(&[0.5; 784])).unwrap(), classes);
    assert!(second.set_weights(b"no weights").is_err());
    assert!(second.sample("a", 3, 1.0).is_err());
}

#[test]
fn files_are_checked() {
    let device = Device::named("cpu").unwrap();
    let open = |task| Session::new(&device, task, Settings { seed: 1, batch: 4 }).err().unwrap().to_string();
    assert!(open(Task::Cifar(vec![1; 100])).contains("data_batch_1.bin"));
    assert!(open(Task::Cifar(vec![77; 3073 * 40])).contains("77"));
    assert!(open(Task::Text("short".into())).contains("at least"));
    let mut cifar = session(&device, Task::Cifar([vec![3], vec![9; 3072]].concat().repeat(40)));
    assert_eq!(block_on(cifar.train(1, 0.001)).unwrap().len(), 1);
    let about = cifar.about();
    assert!(about["parameters"] == 269_722 && about["steps"] == 1, "{about}");
}

#[test]
fn texts_are_continued() {
    let text = session(&Device::named("cpu").unwrap(), verses());
    let said = text.sample("What", 10, 1.0).unwrap();
    assert!(said.starts_with("What") && said.chars().count() == 14, "{said}");
    assert_eq!(said, text.sample("What", 10, 1.0).unwrap());
    assert!(block_on(text.evaluate()).unwrap()["loss"].as_f64().unwrap() > 3.0);
}
