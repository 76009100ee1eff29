//! Sentences about families of animals and people, for vectors of words.

use crate::Draws;

/// Words by kind, one row each: male, female and young.
pub const FAMILIES: [[&str; 3]; 6] = [
    ["king", "queen", "prince"],
    ["man", "woman", "child"],
    ["rooster", "hen", "chick"],
    ["stallion", "mare", "foal"],
    ["bull", "cow", "calf"],
    ["ram", "ewe", "lamb"],
];

/// Context words of each kind.
const KINDS: [[&str; 4]; 6] = [
    ["palace", "crown", "throne", "court"],
    ["house", "street", "shop", "work"],
    ["coop", "feathers", "beak", "perch"],
    ["stable", "saddle", "gallop", "mane"],
    ["barn", "horns", "pasture", "cattle"],
    ["wool", "flock", "shepherd", "hill"],
];

/// Context words of males, females and the young.
const ROLES: [[&str; 4]; 3] = [
    ["he", "his", "father", "strong"],
    ["she", "her", "mother", "gentle"],
    ["it", "its", "little", "playful"],
];

/// Context words of all.
const COMMON: [&str; 4] = ["the", "a", "of", "and"];

/// Sentences of five words, one per line, with a word of [`FAMILIES`] in the middle. Of the other four, in random order, two
/// belong to its role, and two to its kind or one to its kind and one to all. The logarithms of a word's co-occurrences are sums
/// of a term of its kind and one of its role, so that `king - man + woman = queen` holds for vectors whose products are these
/// logarithms.
///
/// ```
/// let text = data::synthetic::families(50, 42);
/// assert_eq!(text.lines().count(), 50);
/// let middle = text.lines().next().unwrap().split(' ').nth(2).unwrap();
/// assert!(data::synthetic::FAMILIES.as_flattened().contains(&middle));
/// ```
pub fn families(sentences: usize, seed: u64) -> String {
    let mut draws = Draws::new(seed, 0, 6);
    let mut text = String::new();
    for _ in 0..sentences {
        let (kind, role) = (draws.below(6) as usize, draws.below(3) as usize);
        let mut pick = |words: &[&'static str; 4]| words[draws.below(4) as usize];
        let mut around = [pick(&KINDS[kind]), pick(&KINDS[kind]), pick(&ROLES[role]), pick(&ROLES[role])];
        let common = pick(&COMMON);
        if draws.happens(0.5) {
            around[1] = common;
        }
        draws.shuffle(&mut around);
        let [a, b, c, d] = around;
        text.push_str(&format!("{a} {b} {} {c} {d}\n", FAMILIES[kind][role]));
    }
    text
}
