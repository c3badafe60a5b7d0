//! Nobody gets another one's page: look-ups by the thousand over connections that stall, lie,
//! break and are made again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod store;
mod world;

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::world::{Tally, World};

#[test]
fn everybody_gets_the_page_of_his_own_key() {
    let config =
        ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    let total = Cell::new(Tally::default());
    let choices = prop::collection::vec(any::<u8>(), 1_000..6_000);
    TestRunner::new(config)
        .run(&choices, |choices| {
            total.set(sum(total.get(), World::run(&choices)));
            Ok(())
        })
        .unwrap();
    // Nothing is shown by what has not happened.
    let total = total.get();
    println!("{total:?}");
    assert!(total.shared > 50, "{total:?}");
    assert!(total.asked > 10_000 && total.values > 1_000 && total.absent > 100, "{total:?}");
    assert!(total.errors > 10 && total.too_large > 10 && total.timeouts > 100, "{total:?}");
    assert!(total.left > 100 && total.retried > 100 && total.lost > 100, "{total:?}");
    assert!(total.faults > 10 && total.silent > 10, "{total:?}");
}

fn sum(a: Tally, b: Tally) -> Tally {
    Tally {
        asked: a.asked + b.asked,
        shared: a.shared + b.shared,
        values: a.values + b.values,
        absent: a.absent + b.absent,
        errors: a.errors + b.errors,
        too_large: a.too_large + b.too_large,
        timeouts: a.timeouts + b.timeouts,
        left: a.left + b.left,
        retried: a.retried + b.retried,
        lost: a.lost + b.lost,
        faults: a.faults + b.faults,
        silent: a.silent + b.silent,
    }
}
