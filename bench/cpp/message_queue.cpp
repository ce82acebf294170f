// Boost.Interprocess `message_queue`: https://www.boost.org/doc/libs/release/doc/html/interprocess.html
//
// A queue of messages with priorities in named shared memory, guarded by a mutex: processes may share it. A process that
// is killed while it has the mutex keeps it. Boost can be told to wait for it only so long, but reads a clock for that
// each time it locks, which would make a round trip a seventh longer.

#include <boost/interprocess/ipc/message_queue.hpp>

#include <cstddef>
#include <cstdint>

namespace ipc = boost::interprocess;
namespace calendar = boost::posix_time;

namespace {

// 1 if a message of that length was received, 0 if there was none, -1 if it cannot be. `call` is one of Boost's.
template <typename Call>
int receive(std::size_t length, Call call) noexcept {
    try {
        ipc::message_queue::size_type received = 0;
        unsigned priority = 0;
        if (!call(received, priority)) {
            return 0;
        }
        return received == length ? 1 : -1;
    } catch (...) {
        return -1;
    }
}

// A moment of the wall clock as Boost takes it.
calendar::ptime moment(std::int64_t seconds, std::int64_t microseconds) {
    static const calendar::ptime epoch(boost::gregorian::date(1970, 1, 1));
    return epoch + calendar::seconds(seconds) + calendar::microseconds(microseconds);
}

} // namespace

// A new queue, or nothing.
extern "C" void *ringway_message_queue_create(const char *name, std::size_t count, std::size_t length) noexcept {
    try {
        return new ipc::message_queue(ipc::create_only, name, count, length);
    } catch (...) {
        return nullptr;
    }
}

// The queue that another process made, or nothing.
extern "C" void *ringway_message_queue_open(const char *name) noexcept {
    try {
        return new ipc::message_queue(ipc::open_only, name);
    } catch (...) {
        return nullptr;
    }
}

// Takes the queue's name away; who has it keeps it.
extern "C" void ringway_message_queue_remove(const char *name) noexcept {
    ipc::message_queue::remove(name);
}

extern "C" void ringway_message_queue_drop(void *queue) noexcept {
    delete static_cast<ipc::message_queue *>(queue);
}

// 1 if it was sent, 0 if there was no room, -1 if it cannot be.
extern "C" int ringway_message_queue_send(void *queue, const void *message, std::size_t length) noexcept {
    try {
        return static_cast<ipc::message_queue *>(queue)->try_send(message, length, 0) ? 1 : 0;
    } catch (...) {
        return -1;
    }
}

// 1 if a message of that length was received, 0 if there was none, -1 if it cannot be.
extern "C" int ringway_message_queue_receive(void *queue, void *message, std::size_t length) noexcept {
    return receive(length, [=](auto &received, unsigned &priority) {
        return static_cast<ipc::message_queue *>(queue)->try_receive(message, length, received, priority);
    });
}

// As `ringway_message_queue_send`, but sleeps until there is room, or that moment of the wall clock.
extern "C" int ringway_message_queue_send_until(
    void *queue, const void *message, std::size_t length, std::int64_t seconds, std::int64_t microseconds) noexcept {
    try {
        const calendar::ptime until = moment(seconds, microseconds);
        return static_cast<ipc::message_queue *>(queue)->timed_send(message, length, 0, until) ? 1 : 0;
    } catch (...) {
        return -1;
    }
}

// As `ringway_message_queue_receive`, but sleeps until there is a message, or that moment of the wall clock.
extern "C" int ringway_message_queue_receive_until(
    void *queue, void *message, std::size_t length, std::int64_t seconds, std::int64_t microseconds) noexcept {
    return receive(length, [=](auto &received, unsigned &priority) {
        const calendar::ptime until = moment(seconds, microseconds);
        return static_cast<ipc::message_queue *>(queue)->timed_receive(message, length, received, priority, until);
    });
}
