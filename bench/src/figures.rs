//! Measurements as stored in `docs/performance/figures.json`, and their targets.

use serde::{Deserialize, Serialize};

use crate::repeat::Sample;

/// Unit of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Operations a second; more is better.
    PerSecond,
    /// Milliseconds; less is better.
    Milliseconds,
    /// Seconds; less is better.
    Seconds,
    /// Microseconds of CPU an operation; less is better.
    CpuMicros,
    /// Bytes; less is better.
    Bytes,
    /// A plain number.
    Count,
}

/// Target: of the ratio if there is a reference, otherwise of the value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// At least.
    AtLeast(f64),
    /// At most.
    AtMost(f64),
}

/// One measure of a row: the values of each repetition, and those of the reference.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measure {
    /// Name, such as "orders".
    pub name: String,
    /// Unit.
    pub unit: Unit,
    /// Our values, in the order of the repetitions.
    pub ours: Vec<f64>,
    /// The reference's values in the same order; empty without a reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Vec<f64>>,
    /// What is to be reached, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

impl Measure {
    /// A measure with a reference.
    pub fn beside(name: &str, unit: Unit, ours: Vec<f64>, reference: Vec<f64>) -> Self {
        Self { name: name.to_owned(), unit, ours, reference: Some(reference), target: None }
    }

    /// A measure without a reference.
    pub fn alone(name: &str, unit: Unit, ours: Vec<f64>) -> Self {
        Self { name: name.to_owned(), unit, ours, reference: None, target: None }
    }

    /// Sets the target.
    #[must_use]
    pub fn to_reach(self, target: Target) -> Self {
        Self { target: Some(target), ..self }
    }

    /// Our value divided by the reference's, as the median over the pairs: least affected by a machine whose speed
    /// drifts.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        let reference = self.reference.as_ref()?;
        Some(median(self.ours.iter().zip(reference).map(|(ours, reference)| ours / reference)))
    }

    /// Whether the target is reached; `None` without a target.
    #[must_use]
    pub fn is_reached(&self) -> Option<bool> {
        let value = self.ratio().unwrap_or_else(|| median(self.ours.iter().copied()));
        Some(match self.target? {
            Target::AtLeast(least) => value >= least,
            Target::AtMost(most) => value <= most,
        })
    }
}

/// A row of the table: one workload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Id for `--only`, such as `append-64`: the group's name, a dash, and the name within the group.
    pub id: String,
    /// Description of the workload.
    pub work: String,
    /// Description of the reference; empty without one.
    pub reference: String,
    /// Measures.
    pub measures: Vec<Measure>,
    /// File of its plot in `docs/performance/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plot: Option<String>,
}

impl Row {
    /// A row without measures.
    pub fn new(id: &str, work: &str, reference: &str) -> Self {
        Self {
            id: id.to_owned(),
            work: work.to_owned(),
            reference: reference.to_owned(),
            measures: Vec::new(),
            plot: None,
        }
    }

    /// Adds a measure.
    #[must_use]
    pub fn with(mut self, measure: Measure) -> Self {
        self.measures.push(measure);
        self
    }

    /// Adds the measures of every throughput workload: rate (with target `rate`), CPU of the process and of
    /// PostgreSQL, and latencies.
    #[must_use]
    pub fn with_throughput(
        self,
        what: &str,
        ours: &[Sample],
        reference: &[Sample],
        rate: Option<Target>,
    ) -> Self {
        let beside = |name: &str, unit, of: fn(&Sample) -> f64| {
            Measure::beside(name, unit, ours.iter().map(of).collect(), reference.iter().map(of).collect())
        };
        let mut throughput = beside(what, Unit::PerSecond, Sample::rate);
        throughput.target = rate;
        self.with(throughput)
            .with(beside("CPU of the process", Unit::CpuMicros, Sample::process_micros))
            .with(beside("CPU of PostgreSQL", Unit::CpuMicros, Sample::postgres_micros))
            .with(beside("p50", Unit::Milliseconds, |sample| sample.latencies.quantile_millis(0.5)))
            .with(beside("p99", Unit::Milliseconds, |sample| sample.latencies.quantile_millis(0.99)))
    }

    /// Sets the target of one measure.
    #[must_use]
    pub fn reaching(mut self, name: &str, target: Target) -> Self {
        for measure in self.measures.iter_mut().filter(|measure| measure.name == name) {
            measure.target = Some(target);
        }
        self
    }

    /// Sets the plot.
    #[must_use]
    pub fn plotted(mut self, file: &str) -> Self {
        self.plot = Some(file.to_owned());
        self
    }
}

/// The median; `NaN` of no values.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle)) {
        (_, None) => f64::NAN,
        (1, Some(value)) => *value,
        (_, Some(value)) => (values[middle - 1] + value) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_value() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median([]).is_nan());
    }

    #[test]
    fn the_ratio_is_the_median_over_pairs() {
        // A machine that is half as fast in the second turn changes neither.
        let measure = Measure::beside("a", Unit::PerSecond, vec![20.0, 10.0, 22.0], vec![10.0, 5.0, 10.0]);
        assert_eq!(measure.ratio(), Some(2.0));
        assert_eq!(measure.clone().to_reach(Target::AtLeast(2.0)).is_reached(), Some(true));
        assert_eq!(measure.to_reach(Target::AtMost(1.9)).is_reached(), Some(false));
    }

    #[test]
    fn judges_a_measure_without_reference_by_its_value() {
        let measure =
            Measure::alone("ready", Unit::Seconds, vec![0.5, 0.7, 0.4]).to_reach(Target::AtMost(0.5));
        assert_eq!((measure.ratio(), measure.is_reached()), (None, Some(true)));
        assert_eq!(Measure::alone("ready", Unit::Seconds, vec![0.5]).is_reached(), None);
    }
}
