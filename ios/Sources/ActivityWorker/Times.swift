import Foundation

// The generated code ends the process over a time that it can't write, so what reaches it is cut to what makes sense.

extension Duration {
    /// In seconds, from 0 to a hundred years.
    var interval: TimeInterval {
        let (seconds, attoseconds) = components
        return min(max(Double(seconds) + Double(attoseconds) / 1e18, 0), 3_155_760_000)
    }
}

extension TimeInterval {
    var duration: Duration {
        .seconds(self)
    }
}

extension Date {
    /// From 1970 to the end of the year 9999.
    var bounded: Date {
        let seconds = timeIntervalSince1970
        return Date(timeIntervalSince1970: seconds.isNaN ? 0 : min(max(seconds, 0), 253_402_300_799))
    }
}
