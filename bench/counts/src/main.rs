//! What a message costs in instructions, part by part: the shape of the code, which nothing else on the machine disturbs.
//!
//! `npm run counts` runs each benchmark by its name under `valgrind --tool=callgrind --toggle-collect='*measured*'` and holds
//! what was collected to `bench/counts.json`, within five per cent. Without a name this program prints all there are.
//!
//! A harness of a few lines and not gungraun: its library asks for features of serde and `derive_more` that the server is not
//! shipped with, so it counts another build, which has to be compiled beside the shipped one; its runner takes minutes to
//! compile, for what is one flag of Valgrind.

mod parts;
mod samples;
mod whole;

use std::hint::black_box;
use std::process::ExitCode;

/// One benchmark: what it is called, and what makes its input and then calls [`count`].
type Benchmark = (&'static str, fn());

fn main() -> ExitCode {
    let all = || parts::ALL.iter().chain(whole::ALL);
    let Some(wanted) = std::env::args().nth(1) else {
        all().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let Some((_, run)) = all().find(|(name, _)| *name == wanted) else {
        eprintln!("readrealm-counts: there is no benchmark {wanted}");
        return ExitCode::FAILURE;
    };
    run();
    ExitCode::SUCCESS
}

/// Counts `work` on its `input`. What made the input, and letting go of the output, are not counted.
fn count<I, O>(input: I, work: impl FnOnce(I) -> O) {
    let mut output = None;
    let mut todo = Some((input, work));
    measured(&mut || {
        if let Some((input, work)) = todo.take() {
            output = Some(work(black_box(input)));
        }
    });
    black_box(output);
}

/// One of many times: a call, so that the compiler does not take what is alike in all of them out of the loop.
#[inline(never)]
fn each<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

/// Valgrind counts from the entry of this function to its return, by its name.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
    // Else the work would be jumped to, and there were no return.
    black_box(());
}
