//! The pipeline as a whole: any sequence of asking, writing, receiving, expiring, leaving and
//! losing connections, against a model, with a store that sometimes lies.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/isolation/store.rs"]
mod store;
#[path = "../../tests/isolation/world.rs"]
mod world;

fuzz_target!(|choices: &[u8]| {
    let _ = world::World::run(choices);
});
