//! The client against a scripted server: whatever the network does, every event is told once and in order, every send
//! ends once, and the history becomes the server's.

#![cfg(not(target_arch = "wasm32"))]

mod cases;
mod checks;
mod kept;
mod page;
mod server;
mod silence;
mod token;
mod wake;
mod wire;
mod world;

use proptest::prelude::*;
use readrealm_protocol::error::ErrorCode;
use readrealm_sdk::Options;
use readrealm_sdk::client::Sign;

use crate::world::{BOOKS, Step, World, options};

fn step() -> impl Strategy<Value = Step> {
    let room = || 0..BOOKS;
    prop_oneof![
        6 => (1..6_usize).prop_map(Step::Serve),
        8 => (1..8_usize).prop_map(Step::Deliver),
        3 => (1..20_000_u32).prop_map(Step::Wait),
        4 => room().prop_map(Step::Post),
        1 => (room(), any::<usize>()).prop_map(|(room, at)| Step::Edit(room, at)),
        1 => (room(), any::<usize>()).prop_map(|(room, at)| Step::Delete(room, at)),
        2 => room().prop_map(Step::LoadPrevious),
        4 => (room(), 1..12_usize).prop_map(|(room, count)| Step::OtherPosts(room, count)),
        1 => (room(), any::<usize>()).prop_map(|(room, at)| Step::OtherEdits(room, at)),
        1 => (room(), any::<usize>()).prop_map(|(room, at)| Step::OtherDeletes(room, at)),
        2 => prop_oneof![Just(1006_u16), Just(4001), Just(4008), Just(4009), Just(1001)].prop_map(Step::Cut),
        1 => Just(Step::Unplug),
        2 => any::<usize>().prop_map(Step::Lose),
        2 => any::<usize>().prop_map(Step::Repeat),
        1 => any::<usize>().prop_map(Step::Swap),
        1 => prop_oneof![
            Just(ErrorCode::RateLimited),
            Just(ErrorCode::Unavailable),
            Just(ErrorCode::Internal),
        ].prop_map(Step::Refuse),
        1 => Just(Step::RefuseJoin),
        5 => prop::bool::weighted(0.8).prop_map(Step::Token),
        2 => prop_oneof![Just(Sign::Awake), Just(Sign::Slept), Just(Sign::Offline)].prop_map(Step::Wake),
        1 => any::<usize>().prop_map(Step::Withdraw),
        1 => Just(Step::Reload),
        1 => room().prop_map(Step::Leave),
        2 => (room(), any::<bool>()).prop_map(|(room, seeded)| Step::Enter(room, seeded)),
    ]
}

/// With tokens or without, and gaps that are replayed in whole or taken anew after a page and a half.
fn settings() -> impl Strategy<Value = Options> {
    (any::<bool>(), prop_oneof![Just(usize::MAX), Just(6)]).prop_map(|(authenticates, replayed)| Options {
        user_id: options().user_id.filter(|_| !authenticates),
        authenticates,
        replayed,
        ..options()
    })
}

fn run(options: Options, steps: &[Step]) {
    let wants_tokens = options.authenticates;
    let mut world = World::with(options);
    world.server.wants_tokens = wants_tokens;
    for step in steps {
        world.step(step);
    }
    world.heal();
    world.check_all();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_event_is_told_once_in_order_and_every_send_ends_once(
        options in settings(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        run(options, &steps);
    }

    #[test]
    fn a_restored_log_is_told_as_a_reset(
        options in settings(),
        before in prop::collection::vec(step(), 1..60),
        after in prop::collection::vec(step(), 1..60),
    ) {
        run(options, &[before, vec![Step::Restore], after].concat());
    }
}
