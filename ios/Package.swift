// swift-tools-version: 6.0

import Foundation
import PackageDescription

// `cargo xtask test swift` writes the folder Generated anew, from the native library, on every run. On Apple's systems the library
// and its header come as an XCFramework, elsewhere as a module map, and the linker is told where the library is.
let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
let framework = "Generated/ActivityWorkerFFI.xcframework"
let hasFramework = FileManager.default.fileExists(atPath: here.appendingPathComponent(framework).path)

let package = Package(
    name: "ActivityWorker",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "ActivityWorker", targets: ["ActivityWorker"])
    ],
    targets: [
        hasFramework
            ? .binaryTarget(name: "ActivityWorkerFFI", path: framework)
            : .systemLibrary(name: "ActivityWorkerFFI", path: "Generated/ActivityWorkerFFI"),
        .target(
            name: "ActivityWorkerBindings",
            dependencies: ["ActivityWorkerFFI"],
            path: "Generated/ActivityWorkerBindings",
            linkerSettings: hasFramework ? [] : [.linkedLibrary("activity_worker_ffi")]
        ),
        .target(name: "ActivityWorker", dependencies: ["ActivityWorkerBindings"]),
        .target(name: "Samples", dependencies: ["ActivityWorker"], path: "Samples"),
        .executableTarget(name: "contract-child", dependencies: ["ActivityWorker"], path: "Tests/Child"),
        .testTarget(
            name: "Contract",
            dependencies: ["ActivityWorker", "Samples"],
            path: "Tests/Contract"
        ),
    ],
    swiftLanguageModes: [.v6]
)
