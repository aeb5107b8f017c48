//! The functions that every expression has.

mod array;
mod given;
mod higher;
mod number;
mod object;
mod picture;
mod text;
mod time;

use super::item::{Call, Native};

pub(super) use self::higher::first_match;
pub(super) use self::text::string;

const fn native(name: &'static str, least: usize, most: usize, call: Call) -> Native {
    Native { name, least, most, takes_context: false, call }
}

/// One that takes the context, if too few arguments are given.
const fn with_context(name: &'static str, least: usize, most: usize, call: Call) -> Native {
    Native { name, least, most, takes_context: true, call }
}

/// Source: JSONata 2.0.6, "Function Library", without `$eval`; the last six are the service's.
pub(super) static NATIVES: &[Native] = &[
    with_context("string", 1, 2, text::to_string),
    with_context("length", 1, 1, text::length),
    with_context("substring", 2, 3, text::substring),
    with_context("substringBefore", 2, 2, text::substring_before),
    with_context("substringAfter", 2, 2, text::substring_after),
    with_context("uppercase", 1, 1, text::uppercase),
    with_context("lowercase", 1, 1, text::lowercase),
    with_context("trim", 1, 1, text::trim),
    with_context("pad", 2, 3, text::pad),
    with_context("contains", 2, 2, text::contains),
    with_context("split", 2, 3, text::split),
    native("join", 1, 2, text::join),
    with_context("match", 2, 3, higher::matches),
    with_context("replace", 3, 4, higher::replace),
    with_context("base64encode", 1, 1, text::base64_encode),
    with_context("base64decode", 1, 1, text::base64_decode),
    with_context("encodeUrlComponent", 1, 1, text::encode_url_component),
    with_context("encodeUrl", 1, 1, text::encode_url),
    with_context("decodeUrlComponent", 1, 1, text::decode_url),
    with_context("decodeUrl", 1, 1, text::decode_url),
    with_context("number", 1, 1, number::number),
    with_context("abs", 1, 1, number::abs),
    with_context("floor", 1, 1, number::floor),
    with_context("ceil", 1, 1, number::ceil),
    with_context("round", 1, 2, number::round),
    with_context("power", 2, 2, number::power),
    with_context("sqrt", 1, 1, number::sqrt),
    native("random", 0, 1, number::random),
    with_context("formatBase", 1, 2, number::format_base),
    with_context("formatNumber", 2, 3, picture::format_number),
    native("sum", 1, 1, number::sum),
    native("max", 1, 1, number::max),
    native("min", 1, 1, number::min),
    native("average", 1, 1, number::average),
    with_context("boolean", 1, 1, object::boolean),
    with_context("not", 1, 1, object::not),
    native("exists", 1, 1, object::exists),
    native("type", 1, 1, object::kind),
    native("count", 1, 1, array::count),
    native("append", 2, 2, array::append),
    native("sort", 1, 2, higher::sort),
    native("reverse", 1, 1, array::reverse),
    native("shuffle", 1, 1, array::shuffle),
    native("distinct", 1, 1, array::distinct),
    native("zip", 1, usize::MAX, array::zip),
    with_context("keys", 1, 1, object::keys),
    with_context("lookup", 2, 2, object::lookup),
    with_context("spread", 1, 1, object::spread),
    native("merge", 1, 1, object::merge),
    with_context("each", 2, 2, higher::each),
    with_context("sift", 2, 2, higher::sift),
    native("error", 0, 1, object::error),
    native("assert", 1, 2, object::assert),
    native("map", 2, 2, higher::map),
    native("filter", 2, 2, higher::filter),
    native("single", 1, 2, higher::single),
    native("reduce", 2, 3, higher::reduce),
    native("now", 0, 2, time::now),
    native("millis", 0, 0, time::millis),
    with_context("fromMillis", 1, 3, time::from_millis),
    with_context("toMillis", 1, 2, time::to_millis),
    native("partition", 2, 2, array::partition),
    native("range", 3, 3, array::range),
    native("hash", 1, 2, text::hash),
    native("uuid", 0, 0, text::uuid),
    native("parse", 1, 1, text::parse),
];

/// Functions of the language that are not known here: an expression that names one is refused.
pub(super) const UNKNOWN: &[&str] = &["formatInteger", "parseInteger"];
