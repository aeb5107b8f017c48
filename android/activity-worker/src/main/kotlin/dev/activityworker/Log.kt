package dev.activityworker

import dev.activityworker.ffi.LogLevel
import dev.activityworker.ffi.setNativeLogSink
import dev.activityworker.ffi.LogSink as NativeLogSink

/** Where the library's log goes. Called on a thread of its own; what it throws is ignored, and what it can't take in time is dropped. */
fun interface LogSink {
    /** One line. It holds no token, input, output or key. */
    fun log(level: LogLevel, line: String)
}

/** Sends the log of all workers of this process to [sink], from [level] up; null ends it. */
fun setLogSink(sink: LogSink?, level: LogLevel = LogLevel.INFO) {
    val native = sink?.let {
        object : NativeLogSink {
            override fun log(level: LogLevel, line: String) = callback { it.log(level, line) }
        }
    }
    setNativeLogSink(native, level)
}
