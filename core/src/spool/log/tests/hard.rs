//! One hard case after the other.
