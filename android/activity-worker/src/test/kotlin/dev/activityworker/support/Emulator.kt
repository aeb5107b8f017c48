package dev.activityworker.support

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpResponse.BodyHandlers

const val ACCESS_KEY_ID = "AKIDEXAMPLE"
const val SECRET_ACCESS_KEY = "emulator-test-secret-access-key"

/** The activity API on loopback: the emulator's program, told what to do over its admin calls. */
class Emulator : AutoCloseable {
    private val process: Process =
        ProcessBuilder(System.getProperty("emulator"), "--listen", "127.0.0.1:0", "--long-poll", "2s")
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start()

    val url: String = process.inputReader().readLine() ?: error("the emulator did not start")

    /** Any call of the API, unsigned. */
    fun call(operation: String, vararg fields: Pair<String, String>): JsonObject =
        admin("POST", "/call/$operation", obj(*fields.map { (k, v) -> k to JsonPrimitive(v) }.toTypedArray())).jsonObject

    /** From now on all calls of workers fail, as without a network. */
    fun goOffline() = fault("close")

    /** Answers again. */
    fun goOnline() {
        admin("DELETE", "/faults")
    }

    /** For instance `close`, or `half-open`: no answer ever comes. */
    fun fault(kind: String) {
        admin("POST", "/faults", obj("fault" to JsonPrimitive(kind)))
    }

    /** From now on this key alone may sign. */
    fun accept(secretAccessKey: String) {
        admin(
            "POST",
            "/credentials",
            obj("accessKeyId" to JsonPrimitive(ACCESS_KEY_ID), "secretAccessKey" to JsonPrimitive(secretAccessKey)),
        )
    }

    /** How many calls of an operation took effect. */
    fun count(operation: String): Int =
        calls().count { it.text("operation") == operation && it.jsonObject["tookEffect"]!!.jsonPrimitive.boolean }

    /** The payload of a push message, counted from 0; waits for it. */
    fun push(number: Int): JsonObject = admin("GET", "/pushes/$number").jsonObject.getValue("payload").jsonObject

    /** How many polls wait for a task. */
    fun polls(): Int =
        admin("GET", "/state").jsonObject["activities"]!!.jsonArray.sumOf { it.jsonObject["polls"]!!.jsonPrimitive.int }

    private fun calls(): JsonArray = admin("GET", "/calls").jsonArray

    private fun admin(method: String, path: String, body: JsonObject? = null): JsonElement {
        val publisher = body?.let { BodyPublishers.ofString(it.toString()) } ?: BodyPublishers.noBody()
        val request = HttpRequest.newBuilder(URI("$url/_emulator$path")).method(method, publisher).build()
        val answer = http.send(request, BodyHandlers.ofString())
        check(answer.statusCode() == 200) { "$method $path: ${answer.statusCode()} ${answer.body()}" }
        return Json.parseToJsonElement(answer.body())
    }

    override fun close() {
        process.destroyForcibly().waitFor()
    }

    private companion object {
        val http: HttpClient = HttpClient.newHttpClient()
    }
}

fun obj(vararg fields: Pair<String, JsonElement>) = JsonObject(mapOf(*fields))

/** The string in a field. */
fun JsonElement.text(field: String): String = jsonObject[field]!!.jsonPrimitive.content
