//! Answers that somebody on the way has compressed, though that was not asked for. What is inflated is judged as any other answer.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::Response;

/// Room for most answers.
const FIRST: usize = 4096;

/// The answer as it was before somebody compressed it; one that can't be inflated stays as it is. Of the body no more than `most`
/// bytes and one are kept, and of one that is cut what came of it.
///
/// The first bytes tell, whatever the headers say: no JSON begins like this. Sums at the end are not looked at: TLS did.
pub(crate) fn plain(mut response: Response, most: usize) -> Response {
    if let Some(body) = inflated(&response.body, most.saturating_add(1)) {
        response.body = body;
        response.headers.retain(|(name, _)| name != "content-encoding");
    }
    response
}

fn inflated(body: &[u8], most: usize) -> Option<Vec<u8>> {
    match body {
        [0x1f, 0x8b, 8, flags, ..] => unpack(body.get(head(body, *flags)?..)?, 0, most),
        // Source: RFC 1950, 2.2.
        [first, second, ..]
            if first & 0x8f == 8 && u16::from_be_bytes([*first, *second]).is_multiple_of(31) =>
        {
            unpack(body, TINFL_FLAG_PARSE_ZLIB_HEADER, most)
        }
        _ => None,
    }
}

/// All of it, or of one that is cut, spoilt or too long what came before, if that may be an answer.
fn unpack(packed: &[u8], flags: u32, most: usize) -> Option<Vec<u8>> {
    let flags = flags | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut machine = Box::<DecompressorOxide>::default();
    let (mut text, mut read, mut written) = (vec![0; most.min(FIRST)], 0, 0);
    let whole = loop {
        let (status, took, gave) = decompress(&mut machine, packed.get(read..)?, &mut text, written, flags);
        (read, written) = (read + took, written + gave);
        match status {
            TINFLStatus::Done => break true,
            TINFLStatus::HasMoreOutput if text.len() < most => text.resize((text.len() * 2).min(most), 0),
            _ => break false,
        }
    };
    text.truncate(written);
    (whole || text.first() == Some(&b'{')).then_some(text)
}

/// How long the head of a gzip file is. Source: RFC 1952, 2.3.
fn head(body: &[u8], flags: u8) -> Option<usize> {
    let mut at = 10;
    if flags & 4 != 0 {
        at += 2 + usize::from(u16::from_le_bytes([*body.get(at)?, *body.get(at + 1)?]));
    }
    for text in [8, 16] {
        if flags & text != 0 {
            at += 1 + body.get(at..)?.iter().position(|byte| *byte == 0)?;
        }
    }
    Some(if flags & 2 != 0 { at + 2 } else { at })
}

#[cfg(test)]
#[path = "inflate_tests.rs"]
mod tests;
