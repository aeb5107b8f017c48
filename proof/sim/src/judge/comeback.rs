//! P10: how a fleet comes back, whether its first calls lie apart, and its first reports.

use std::time::Duration;

use crate::network::Sent;

/// A fleet's network came back.
pub(crate) struct ComeBack {
    /// When it came back, from the world's beginning.
    at: Duration,
    /// Each device's first call since.
    calls: Vec<Option<Duration>>,
    /// Each device's first report since.
    reports: Vec<Option<Duration>>,
}

impl ComeBack {
    /// The network of so many devices is back.
    pub(crate) fn new(at: Duration, devices: usize) -> Self {
        ComeBack { at, calls: vec![None; devices], reports: vec![None; devices] }
    }

    /// A request left a device.
    pub(crate) fn sent(&mut self, device: usize, sent: &Sent) {
        self.calls[device].get_or_insert(sent.at);
        if sent.call.is_report() {
            self.reports[device].get_or_insert(sent.at);
        }
    }

    /// Of first calls, then of first reports: how many came within one second at most, and how many came at all.
    pub(crate) fn crowds(&self) -> [(&'static str, usize, usize); 2] {
        let crowd = |first: &[Option<Duration>]| {
            let mut bins = [0usize; 181];
            for call in first.iter().flatten() {
                bins[usize::try_from((*call - self.at).as_secs()).unwrap_or(180).min(180)] += 1;
            }
            (bins.iter().max().copied().unwrap_or(0), first.iter().flatten().count())
        };
        let ((calls, all_calls), (reports, all_reports)) = (crowd(&self.calls), crowd(&self.reports));
        [("calls", calls, all_calls), ("reports", reports, all_reports)]
    }
}
