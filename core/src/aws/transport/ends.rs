//! Both ends of a body that is too large: what names it may stand at either.

use std::io::Read;

/// The last bytes that are kept.
const END: usize = 16 * 1024;

/// Adds the last bytes of a body of which more came than there is room for. As much is read once more, and no further.
pub(super) fn add_end(body: &mut impl Read, room: u64, whole: &mut Vec<u8>) {
    let (mut rest, mut chunk, mut end) = (body.take(room), [0; 4 * 1024], Vec::new());
    while let Ok(read @ 1..) = rest.read(&mut chunk) {
        end.extend_from_slice(&chunk[..read]);
        let old = end.len().saturating_sub(END);
        end.drain(..old);
    }
    whole.append(&mut end);
}
