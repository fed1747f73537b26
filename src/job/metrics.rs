//! `--metrics`, `--metrics-listen` and what goes with them: where the numbers of a run can be read while it goes on.
//!
//! Nothing here shapes a result: a run may be continued with other settings, or with none.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::options::DiagnosticOptions;
use crate::error::Result;
use crate::time::duration;

use super::settings::{Origin, Settings};

/// Where the metrics of a run go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// `--metrics`: a file for node_exporter's textfile collector.
    pub file: Option<PathBuf>,
    /// `--metrics-interval`: the time between two states of the file.
    pub interval: Duration,
    /// `--metrics-listen`: where they are served over HTTP.
    pub listen: Option<SocketAddr>,
    /// What stands on every sample: names and values, no name twice.
    pub labels: Vec<(String, String)>,
}

impl Metrics {
    /// Whether they go anywhere.
    pub fn are_wanted(&self) -> bool {
        self.file.is_some() || self.listen.is_some()
    }
}

/// More often nobody looks, and the disk would be busy with it.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Labels that windrow's own samples have, or that Prometheus gives.
const OWN_LABELS: [&str; 12] = [
    "input",
    "kind",
    "le",
    "outcome",
    "part",
    "quantile",
    "queue",
    "reason",
    "stage",
    "state_format",
    "version",
    "instance",
];

/// What only makes sense with another option: one of these is needed.
const NEEDS: [(&str, &[&str]); 2] =
    [("metrics-interval", &["metrics"]), ("metrics-label", &["metrics", "metrics-listen"])];

/// Reads the options.
pub fn metrics(options: &DiagnosticOptions, settings: &Settings) -> Result<Metrics> {
    let given = |name: &str| settings.get(name).is_some_and(|setting| setting.origin != Origin::Default);
    for (name, needed) in NEEDS {
        if given(name) && !needed.iter().any(|needed| given(needed)) {
            let needed: Vec<String> = needed.iter().map(|needed| format!("--{needed}")).collect();
            return Err(settings.unfit(name, format!("needs {}", needed.join(" or "))));
        }
    }
    let file = options.metrics.as_deref().map(|path| file(path, settings)).transpose()?;
    let mut labels = Vec::new();
    for text in &options.metrics_label {
        let (name, value) = label(text).map_err(|message| settings.wrong("metrics-label", message))?;
        if labels.iter().any(|(other, _)| *other == name) {
            return Err(settings.wrong("metrics-label", format!("`{name}` is given twice")));
        }
        labels.push((name, value));
    }
    // Two jobs may write to one directory: without a label of their own they would have the same samples, which makes
    // the collector refuse both.
    if let (Some(path), false) = (&file, labels.iter().any(|(name, _)| name == "job")) {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        labels.insert(0, ("job".to_owned(), stem));
    }
    Ok(Metrics {
        file,
        interval: interval(&options.metrics_interval, settings)?,
        listen: listen(options, settings)?,
        labels,
    })
}

fn file(path: &Path, settings: &Settings) -> Result<PathBuf> {
    match path.extension() {
        Some(extension) if extension == "prom" => Ok(path.to_owned()),
        _ => Err(settings.wrong(
            "metrics",
            "the collector reads files that are called NAME.prom and no others; call it such",
        )),
    }
}

fn interval(text: &str, settings: &Settings) -> Result<Duration> {
    let micros = duration::parse(text).map_err(|message| settings.wrong("metrics-interval", message))?;
    let interval = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
    match interval < INTERVAL_MIN {
        true => Err(settings.wrong("metrics-interval", "must be 100ms or more")),
        false => Ok(interval),
    }
}

fn listen(options: &DiagnosticOptions, settings: &Settings) -> Result<Option<SocketAddr>> {
    let Some(text) = &options.metrics_listen else { return Ok(None) };
    match text.parse() {
        Ok(address) => Ok(Some(address)),
        Err(_) => Err(settings.wrong(
            "metrics-listen",
            "an address and a port are needed, as in 127.0.0.1:9464 or [::1]:9464; port 0 takes one that is free",
        )),
    }
}

/// `NAME=VALUE`. The value may be anything; the name is one that Prometheus takes and windrow does not use.
fn label(text: &str) -> std::result::Result<(String, String), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("a name and a value are needed, as in job=clicks".to_owned());
    };
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.is_empty() || !name.bytes().all(is_name) || name.as_bytes()[0].is_ascii_digit() {
        return Err(
            "the name of a label is made of letters, digits and _, and begins with no digit".to_owned()
        );
    }
    if name.starts_with("__") || OWN_LABELS.contains(&name) {
        return Err(format!("the name `{name}` is taken; choose another"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use crate::cli;

    fn check(options: &str, want: Result<&str, &str>) {
        let argv: Vec<_> = format!("windrow -w 1m {options}").split(' ').map(Into::into).collect();
        let found = cli::job(&argv).map(|job| {
            let labels = job.metrics.labels.iter().map(|(name, value)| format!("{name}={value}"));
            labels.collect::<Vec<_>>().join(" ")
        });
        match (found, want) {
            (Ok(found), Ok(want)) => assert_eq!(found, want, "{options}"),
            (Err(found), Err(want)) => {
                assert_eq!((found.to_string().as_str(), found.exit_code()), (want, 2), "{options}");
            }
            (found, _) => panic!("{options}: {found:?}"),
        }
    }

    #[test]
    fn labels() {
        check("--metrics /a/clicks.prom", Ok("job=clicks"));
        check("--metrics clicks.prom --metrics-label job=x --metrics-label a=b=c", Ok("job=x a=b=c"));
        check("--metrics-listen 127.0.0.1:0", Ok(""));
        check("--metrics-listen [::1]:9464 --metrics-label dc=", Ok("dc="));
        let metrics = "--metrics a.prom --metrics-label";
        let check = |label: &str, want: &str| {
            check(&format!("{metrics} {label}"), Err(&format!("--metrics-label: {want}")));
        };
        check("a", "a name and a value are needed, as in job=clicks");
        check("1=x", "the name of a label is made of letters, digits and _, and begins with no digit");
        check("=x", "the name of a label is made of letters, digits and _, and begins with no digit");
        check("__a=x", "the name `__a` is taken; choose another");
        check("le=x", "the name `le` is taken; choose another");
        check("a=x --metrics-label a=y", "`a` is given twice");
    }

    #[test]
    fn mistakes() {
        let no_prom = "the collector reads files that are called NAME.prom and no others; call it such";
        check("--metrics a.txt", Err(&format!("--metrics: {no_prom}")));
        check("--metrics .prom", Err(&format!("--metrics: {no_prom}")));
        check("--metrics-label a=b", Err("--metrics-label needs --metrics or --metrics-listen"));
        check(
            "--metrics-listen 127.0.0.1:0 --metrics-interval 1s",
            Err("--metrics-interval needs --metrics"),
        );
        check("--metrics a.prom --metrics-interval 99ms", Err("--metrics-interval: must be 100ms or more"));
        for address in ["9464", ":9464", "localhost:9464", "127.0.0.1", "127.0.0.1:65536", "::1:80"] {
            let want = "--metrics-listen: an address and a port are needed, as in 127.0.0.1:9464 or [::1]:9464; \
                        port 0 takes one that is free";
            check(&format!("--metrics-listen {address}"), Err(want));
        }
    }
}
