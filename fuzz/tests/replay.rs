//! The corpus of every target, and what becomes of it by mutation: always the same inputs, and a bounded number.

use std::{env, fs, panic, path::Path};

use cloudstate_fuzz::{TARGETS, mutation::Mutator, run};

/// Inputs larger than the largest of the corpora teach nothing here.
const LARGEST: usize = 4096;

/// Runs a target over its corpus and `FUZZ_RUNS` mutations of it, by default this many.
fn replay(name: &str, mutations: u32) {
    let corpus = corpus(name);
    for input in &corpus {
        checked(name, input);
    }
    let mutations = env::var("FUZZ_RUNS").map_or(mutations, |runs| runs.parse().unwrap());
    let seed = env::var("FUZZ_SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut mutator = Mutator::new(seed);
    for _ in 0..mutations {
        checked(name, &mutator.next(&corpus, LARGEST));
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{name} has no corpus");
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn checked(name: &str, input: &[u8]) {
    if env::var_os("FUZZ_TRACE").is_some() {
        // A stack that overflows is the end of the process.
        println!("{name}: \"{}\"", input.escape_ascii());
    }
    let outcome = panic::catch_unwind(|| run(name, input));
    if let Err(panic) = outcome {
        println!("{name} fails for \"{}\"", input.escape_ascii());
        panic::resume_unwind(panic);
    }
}

macro_rules! replays {
    ($($name:ident: $mutations:expr;)*) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name), $mutations);
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|(name, _)| name), replayed);
        }
    };
}

replays! {
    json: 2000;
    routes: 4000;
    templates: 500;
    wire: 4000;
    framing: 4000;
    protocol: 2000;
    crdt_stored: 4000;
    crdt_deltas: 2000;
    recovery: 2000;
    journal: 20;
}
