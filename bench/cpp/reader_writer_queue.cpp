// moodycamel::ReaderWriterQueue: https://github.com/cameron314/readerwriterqueue
//
// A queue of blocks for one producer and one consumer. `try_enqueue` never allocates: the queue holds at least what it was
// made for. It has no call for several messages.

#include <readerwriterqueue/readerwriterqueue.h>

#include "queue.hpp"

namespace {

template <typename Item>
struct Queue {
    using Message = Item;

    struct Sender {
        explicit Sender(Queue &owner) : queue(owner.queue) {}
        bool push(const Message &message) { return queue.try_enqueue(message); }
        std::size_t push_bulk(const Message *messages, std::size_t count) {
            return bench::push_each(*this, messages, count);
        }
        moodycamel::ReaderWriterQueue<Message> &queue;
    };

    struct Receiver {
        explicit Receiver(Queue &owner) : queue(owner.queue) {}
        bool pop(Message &message) { return queue.try_dequeue(message); }
        std::size_t pop_bulk(Message *messages, std::size_t count) {
            return bench::pop_each(*this, messages, count);
        }
        moodycamel::ReaderWriterQueue<Message> &queue;
    };

    moodycamel::ReaderWriterQueue<Message> queue{bench::capacity<Message>()};
};

} // namespace

extern "C" const bench::Table *ringway_reader_writer_queue(std::size_t length) noexcept {
    return bench::table_for<Queue>(length);
}
