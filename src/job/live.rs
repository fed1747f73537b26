//! `--to live`: what goes with it, and what a view is sorted by.

use std::path::Path;

use super::columns::Columns;
use super::settings::Settings;
use super::{Aggregation, Top};
use crate::aggregate::Gives;
use crate::cli::args::AggregateArgs;
use crate::cli::options::AggregationOptions;
use crate::cli::values::OutputFormatName;
use crate::error::Result;
use crate::expr;

/// Aggregates of the values that they are given, which are numbers mostly.
const EXTREMES: [&str; 2] = ["min", "max"];

/// Refuses what a view cannot do.
pub fn check(args: &AggregateArgs, output: Option<&Path>, settings: &Settings) -> Result<()> {
    if args.rows.to != Some(OutputFormatName::Live) {
        return Ok(());
    }
    let lateness = "writes windows again that have closed, and a live view shows open ones; a larger --delay keeps \
                    them open for longer";
    let refused = [
        (
            "output",
            output.is_some(),
            "names a file, and a live view is drawn on the terminal; for a file leave out --to live",
        ),
        ("row-id", args.rows.row_id, "numbers rows, and a live view has none"),
        (
            "emit-every",
            args.window.emit_every.is_some(),
            "writes open windows, which a live view shows anyway; leave it out",
        ),
        ("allowed-lateness", args.window.allowed_lateness.is_some(), lateness),
    ];
    match refused.iter().find(|(_, given, _)| *given) {
        Some((option, _, message)) => Err(settings.unfit(option, *message)),
        None => Ok(()),
    }
}

/// What a view is sorted by, and how many rows it has: as asked for, or all of them by the first aggregate that is a
/// number, the largest first.
pub fn order(
    options: &AggregationOptions,
    task: &Aggregation,
    columns: &mut Columns,
    settings: &Settings,
) -> Result<Top> {
    if options.ties && options.top.is_none() {
        return Err(settings.unfit("ties", "needs --top, which says how many rows are kept"));
    }
    let text = options.order_by.clone().unwrap_or_else(|| {
        let is_number = |call: &&expr::Call| {
            call.definition.gives == Gives::Number || EXTREMES.contains(&call.definition.name)
        };
        let call = task.calls.iter().find(is_number).unwrap_or(&task.calls[0]);
        format!("\"{}\"", call.name.replace('"', "\"\""))
    });
    let (order_by, descending) = expr::parse_order(&text, columns).map_err(settings.in_option("order-by"))?;
    let rows_max = options.top.unwrap_or(usize::MAX);
    Ok(Top { rows_max, order_by, descending, ties: options.ties })
}

#[cfg(test)]
mod tests {
    use crate::job::{Job, Task};

    fn job(options: &[&str]) -> crate::error::Result<Job> {
        let argv = ["windrow", "-w", "1m", "--to", "live"].into_iter().chain(options.iter().copied());
        crate::cli::job(&argv.map(Into::into).collect::<Vec<_>>())
    }

    #[test]
    fn sorted_as_asked_or_by_the_first_number() {
        let check = |options: &[&str], want: (&str, bool, usize)| {
            let Task::Aggregate(task) = job(options).expect("a good job").task else {
                unreachable!("it has windows")
            };
            let top = task.top.expect("a view has an order");
            assert_eq!((&top.order_by.to_string()[..], top.descending, top.rows_max), want, "{options:?}");
        };
        let all = usize::MAX;
        check(&[], ("\"count\"", true, all));
        check(&["-a", "first(x), max(y), count(*)"], ("\"max_y\"", true, all));
        check(&["-a", "last(x) AS \"a \"\"b\""], ("\"a \"\"b\"", true, all));
        check(&["--order-by", "count * 2 ASC"], ("count * 2", false, all));
        check(&["--order-by", "count", "--top", "3"], ("count", true, 3));
        check(&["--top", "3"], ("\"count\"", true, 3));
    }

    #[test]
    fn what_a_view_cannot_do_is_refused() {
        for (options, want) in [
            (&["-o", "x"][..], "--output names a file"),
            (&["--row-id"], "--row-id numbers rows"),
            (&["--emit-every", "5s"], "--emit-every writes open windows"),
            (&["--allowed-lateness", "5s"], "--allowed-lateness writes windows again"),
            (&["--ties"], "--ties needs --top"),
            (&["--state-dir", "d"], "--to: a live view writes nothing"),
            (&["--order-by", "nothing"], "--order-by: no column"),
        ] {
            let error = job(options).err().expect("it is refused").to_string();
            assert!(error.starts_with(want), "{options:?}: {error}");
        }
    }
}
