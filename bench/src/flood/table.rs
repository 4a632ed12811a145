//! What is printed of it.

use std::fmt::Write;

use super::Round;
use super::phase::Phase;

/// The table, and a sentence on what it was measured with (as `a release build of 1a2b3c4`) and what the attackers did.
pub(super) fn of(rounds: &[Round], built: &str) -> String {
    let titles = Phase::MEASURES.map(|(title, _)| format!(" {title} |")).concat();
    let lines = "| --- ".repeat(Phase::MEASURES.len() + 1);
    let mut table = format!("| the flood |{titles}\n{lines}|\n");
    let first = rounds.first().map_or(&[][..], |round| &round.phases);
    for (number, phase) in first.iter().enumerate() {
        let cells = Phase::MEASURES.iter().enumerate().map(|(measure, (_, digits))| {
            let figures = rounds.iter().map(|round| round.phases[number].figures[measure]);
            format!(" {} |", spread(figures.collect(), *digits))
        });
        let _ = writeln!(table, "| {} |{}", phase.name, cells.collect::<String>());
    }
    format!("{table}\n{}\n", sentence(rounds, built))
}

fn sentence(rounds: &[Round], built: &str) -> String {
    let how_many = match rounds.len() {
        1 => "One round".to_owned(),
        many => format!("The median of {many} rounds, and the smallest and largest"),
    };
    let of_attackers = |count: fn(&Round) -> u64| spread_of_counts(rounds.iter().map(count).collect());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "({how_many}; {built}, {cores} cores, which the flood itself shared; it opened {} connections, was turned away {} times, and sent {} pieces.)",
        of_attackers(|round| round.attackers.opened),
        of_attackers(|round| round.attackers.turned_away),
        of_attackers(|round| round.attackers.pieces),
    )
}

/// The median, and of more than one the smallest and largest.
fn spread(mut figures: Vec<f64>, digits: usize) -> String {
    figures.sort_unstable_by(f64::total_cmp);
    match figures[..] {
        [] => String::new(),
        [one] => format!("{one:.digits$}"),
        [least, .., most] => {
            let median = figures[figures.len() / 2];
            format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
        }
    }
}

fn spread_of_counts(mut counts: Vec<u64>) -> String {
    counts.sort_unstable();
    match counts[..] {
        [] => String::new(),
        [one] => in_thousands(one),
        [least, .., most] => {
            let median = in_thousands(counts[counts.len() / 2]);
            format!("{median} ({} to {})", in_thousands(least), in_thousands(most))
        }
    }
}

/// As a person writes it: 1,322,108.
fn in_thousands(count: u64) -> String {
    let digits = count.to_string();
    let grouped = digits.char_indices().map(|(at, digit)| {
        let begins = at > 0 && (digits.len() - at).is_multiple_of(3);
        format!("{}{digit}", if begins { "," } else { "" })
    });
    grouped.collect()
}

#[cfg(test)]
mod tests {
    use super::super::attack::Tally;
    use super::*;

    fn round(figure: f64) -> Round {
        Round {
            phases: vec![Phase {
                name: "during",
                figures: [figure; 6],
            }],
            attackers: "1322108 48935 7".parse().unwrap(),
        }
    }

    #[test]
    fn one_round_is_told_as_it_was_and_of_three_the_median_with_its_spread() {
        let one = of(&[round(2.25)], "a release build of 1a2b3c4");
        assert!(
            one.starts_with("| the flood | p50 ms | p99 ms | longest ms | memory MiB |"),
            "{one}"
        );
        assert!(one.contains("\n| --- | --- | --- | --- | --- | --- | --- |\n"), "{one}");
        assert!(one.contains("\n| during | 2.2 | 2.2 | 2.2 | 2 | 2 | 2.25 |\n"), "{one}");
        assert!(one.contains("(One round; a release build of 1a2b3c4, "), "{one}");
        assert!(
            one.contains("opened 1,322,108 connections, was turned away 48,935 times, and sent 7 pieces"),
            "{one}"
        );
        let three = of(&[round(3.0), round(1.0), round(2.0)], "a release build of 1a2b3c4");
        assert!(three.contains("\n| during | 2.0 (1.0 to 3.0) |"), "{three}");
        assert!(
            three.contains("(The median of 3 rounds, and the smallest and largest; "),
            "{three}"
        );
    }

    #[test]
    fn a_tally_goes_from_process_to_process() {
        let tally = Tally {
            opened: 3,
            turned_away: 2,
            pieces: 1,
        };
        let read: Tally = format!("{tally}\n").parse().unwrap();
        assert_eq!((read.opened, read.turned_away, read.pieces), (3, 2, 1));
    }
}
