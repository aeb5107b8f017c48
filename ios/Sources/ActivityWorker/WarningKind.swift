/// Why a task's heartbeats end.
public enum BeatsStopped: Sendable, Hashable {
    /// The app has not asked for the task within its lease.
    case lease
    /// Its answer has been denied for an hour, and its workflow must be able to time out.
    case denied
    /// The service does not take them: it does not know the token.
    case rejected
    /// Its activity is no longer configured.
    case notConfigured

    init(_ why: FFI.BeatsStopped) {
        switch why {
        case .lease: self = .lease
        case .denied: self = .denied
        case .rejected: self = .rejected
        case .notConfigured: self = .notConfigured
        }
    }
}

/// What a warning is about.
public enum WarningKind: Sendable, Hashable {
    /// A task came with an input that can't be used; it is failed as `Worker.InvalidInput`.
    case invalidInput
    /// The answer to a poll may have held a task that nobody has now.
    case taskLost
    /// Polls end in silence while short calls work: something on the way forgets quiet connections.
    case pollsEndInSilence
    /// The service does not take our time, though it was corrected.
    case clockRefused
    /// Whether the handler of an earlier process has ended is not known.
    case notReclaimed
    /// The end of a task was not written to disk: it may be reported once more.
    case endNotWritten
    /// An input or an answer can't be read from disk.
    case notRead
    /// There is no place for a task that was found: it waits for the next start.
    case noPlace
    /// An answer lay there though its task is over: it is dropped.
    case resultOfEndedTask
    /// An answer is lost with a folder that was removed.
    case resultLost
    /// An answer from the inbox came after its task's end.
    case lateLetter
    /// An answer from the inbox came second: the first one counts.
    case secondAnswer
    /// A letter in the inbox was not taken in, and stays.
    case letterRefused
    /// A letter can't be read now; it stays.
    case letterNotRead
    /// A file of the state folder can't be read now; it stays.
    case fileNotRead
    /// The state folder is another user's, and can't be closed to others.
    case folderOpenToOthers
    /// The state folder was made on another device.
    case folderCopied
    /// The state folder lies on a file system that does not keep what is written.
    case unsafeStorage
    /// Something was amiss with the state folder, and is mended.
    case folderMended
    /// The state folder was removed, and made anew.
    case folderRenewed
    /// The state folder is not there.
    case folderAway
    /// Another worker has the state folder: this one stops.
    case folderTaken
    /// There is more of what was told one by one just now.
    case more

    init(_ kind: FFI.WarningKind) {
        switch kind {
        case .invalidInput: self = .invalidInput
        case .taskLost: self = .taskLost
        case .pollsEndInSilence: self = .pollsEndInSilence
        case .clockRefused: self = .clockRefused
        case .notReclaimed: self = .notReclaimed
        case .endNotWritten: self = .endNotWritten
        case .notRead: self = .notRead
        case .noPlace: self = .noPlace
        case .resultOfEndedTask: self = .resultOfEndedTask
        case .resultLost: self = .resultLost
        case .lateLetter: self = .lateLetter
        case .secondAnswer: self = .secondAnswer
        case .letterRefused: self = .letterRefused
        case .letterNotRead: self = .letterNotRead
        case .fileNotRead: self = .fileNotRead
        case .folderOpenToOthers: self = .folderOpenToOthers
        case .folderCopied: self = .folderCopied
        case .unsafeStorage: self = .unsafeStorage
        case .folderMended: self = .folderMended
        case .folderRenewed: self = .folderRenewed
        case .folderAway: self = .folderAway
        case .folderTaken: self = .folderTaken
        case .more: self = .more
        }
    }
}
