//! The examples of the help and the manual page. They run on the files in `testdata/`.

/// What an example shows, and its command line for a shell.
pub struct Example {
    /// One line, without full stop.
    pub title: &'static str,
    /// The command, to be run from the root of the repository.
    pub command: &'static str,
}

/// The examples, simplest first.
pub const EXAMPLES: [Example; 7] = [
    Example {
        title: "Earthquakes in every six hours: how many, and the largest",
        command: "windrow -w 6h -d 7d -t time --where \"type = 'earthquake'\" \\
      -a 'count(*), max(mag)' testdata/earthquakes-2018w05.ndjson",
    },
    Example {
        title: "Flights a day by airport, days as New York has them",
        command: "windrow -w 1d@America/New_York -d 1d -t sched_dep -b origin \\
      -a 'count(*) AS flights, avg(dep_delay_min) AS delay' \\
      testdata/nyc-departures-2013-01.csv",
    },
    Example {
        title: "The three busiest destinations of each day, as a table",
        command: "windrow -w 1d -d 1d -t sched_dep -b dest --top 3 --order-by count \\
      --to table testdata/nyc-departures-2013-01.csv",
    },
    Example {
        title: "Flights an hour by airport, drawn in the terminal",
        command: "windrow -w 1h -d 1d -t sched_dep -b origin --to chart \\
      testdata/nyc-departures-2013-01.csv",
    },
    Example {
        title: "Flights an hour and a day at once, hours without any as 0",
        command: "windrow -w 1h -w 1d@America/New_York -d 1d -t sched_dep -b origin \\
      --fill zero testdata/nyc-departures-2013-01.csv",
    },
    Example {
        title: "Commits a month, newest first in the file, RFC 2822 dates",
        command: "windrow -w 1mo@America/Chicago -d 2000d -t committed_at \\
      --time-format rfc2822 testdata/bokeh-commits.csv",
    },
    Example {
        title: "Strong earthquakes by the time they happened, from a pipe",
        command: "cat testdata/earthquakes-2018w05.ndjson |
      windrow order -d 7d -t time -i id --where 'mag >= 5'",
    },
];

/// The examples as the end of the long help.
pub fn help() -> String {
    let mut text = String::from("Examples:");
    for Example { title, command } in &EXAMPLES {
        text += &format!("\n  {title}:\n    {command}\n");
    }
    text.truncate(text.trim_end().len());
    text
}
