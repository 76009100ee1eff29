//! Every token replays one plan, and past tokens are freed. The only test of its file, as it counts operations of the whole process.

use autograd::Device;
use models::{CharRnn, CharRnnOptions, Gpt, GptOptions, LanguageModel, Params, Sampler, generate};

const CONTEXT: usize = 6;

fn settles<M: LanguageModel>(device: &Device, net: &M) {
    let mut sampler = Sampler::new(1);
    generate(net, &[0], 3 * CONTEXT, &mut sampler).unwrap();
    let before = device.stats();
    generate(net, &[1, 2], 3 * CONTEXT, &mut sampler).unwrap();
    let after = device.stats();
    assert_eq!(after.compiles, before.compiles, "no new plans");
    assert_eq!(after.allocations, before.allocations, "no more memory");
}

#[test]
fn tokens_replay_one_plan_and_free_the_past() {
    for device in gpu_core::testing::devices() {
        let options = GptOptions { vocab: 5, context: CONTEXT, width: 8, heads: 2, depth: 2, dropout: 0.0 };
        settles(&device, &Gpt::new(&Params::new(&device, 3), options));
        let options = CharRnnOptions { vocab: 5, embed: 4, hidden: 8, layers: 2 };
        settles(&device, &CharRnn::lstm(&Params::new(&device, 3), options));
    }
}
