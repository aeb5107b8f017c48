//! Records that are to be written.

use super::End;
use super::ends::{self, ENDS_MAX};
use super::record::Kind;
use crate::TaskId;

/// A record to be written.
pub(super) struct Rec {
    pub(super) kind: Kind,
    pub(super) id: TaskId,
    pub(super) num: Num,
    pub(super) part: u16,
    pub(super) parts: u16,
    pub(super) is_copy: bool,
    pub(super) payload: Vec<u8>,
}

#[derive(Clone, Copy)]
pub(super) enum Num {
    /// What is there already is copied, or gets another envelope.
    Known(u64),
    /// A new body, the first record of which gives it its number: that of this change.
    Of(usize),
}

/// ENDS of these, several if they do not fit into one.
pub(super) fn ends_of(ends: &[(TaskId, End)], is_copy: bool) -> Vec<Rec> {
    let record = |ends: &[(TaskId, End)]| {
        let mut payload = Vec::new();
        for (id, end) in ends {
            ends::write(*id, end, &mut payload);
        }
        let (id, num) = (TaskId::from_bytes([0; 16]), Num::Known(0));
        Rec { kind: Kind::Ends, id, num, part: 0, parts: 0, is_copy, payload }
    };
    ends.chunks(ENDS_MAX).map(record).collect()
}

/// No body has as many pieces, the longest being some MiB.
pub(super) fn short(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}
