/// How loud a line of the log is.
public enum LogLevel: Sendable, Hashable, CaseIterable {
    /// Something is lost or refused.
    case error
    /// Someone should look after it.
    case warn
    /// The course of things.
    case info
    /// Every call.
    case debug

    init(_ level: FFI.LogLevel) {
        switch level {
        case .error: self = .error
        case .warn: self = .warn
        case .info: self = .info
        case .debug: self = .debug
        }
    }

    var ffi: FFI.LogLevel {
        switch self {
        case .error: .error
        case .warn: .warn
        case .info: .info
        case .debug: .debug
        }
    }
}

/// The log of all workers of this process.
public enum WorkerLog {
    /// Sends the lines to `sink` from now on, from `level` up; they hold no secrets. The sink is called on a thread of its own, one
    /// line after the other; lines that a slow one is more than 1,024 behind are dropped.
    public static func send(from level: LogLevel = .info, to sink: @escaping @Sendable (LogLevel, String) -> Void) throws {
        try set(ClosureSink(sink: sink), level)
    }

    /// Sends no more lines.
    public static func stop() throws {
        try set(nil, .error)
    }

    private static func set(_ sink: ClosureSink?, _ level: LogLevel) throws {
        do {
            try FFI.setLogSink(sink, level: level.ffi)
        } catch {
            throw translated(error)
        }
    }
}

private final class ClosureSink: FFI.LogSink, Sendable {
    private let sink: @Sendable (LogLevel, String) -> Void

    init(sink: @escaping @Sendable (LogLevel, String) -> Void) {
        self.sink = sink
    }

    func log(level: FFI.LogLevel, line: String) {
        sink(LogLevel(level), line)
    }
}
