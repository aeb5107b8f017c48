package dev.activityworker.samples

import dev.activityworker.support.login
import dev.activityworker.support.onPhone
import kotlin.test.Test
import kotlin.test.assertEquals

class FirstAnswerTest {
    @Test
    fun c01_the_sample_of_the_guide_delivers_its_answer() = onPhone { phone ->
        val push = phone.push()
        firstAnswer(phone.stateDir, { login.credentials() }, push.task.token, phone.emulator.url)
        assertEquals("""{"approved":true}""", phone.output(push.execution))
    }
}
