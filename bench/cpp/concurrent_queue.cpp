// moodycamel::ConcurrentQueue: https://github.com/cameron314/concurrentqueue
//
// A queue of blocks for any number of producers and consumers, each of which has a token. `try_enqueue` never allocates:
// the blocks are there from the start, and the index of a producer's blocks has room for all of them.

#include <concurrentqueue/concurrentqueue.h>

#include "queue.hpp"

namespace {

// The library's defaults, save for the index.
template <std::size_t Capacity>
struct Traits : moodycamel::ConcurrentQueueDefaultTraits {
    static constexpr std::size_t EXPLICIT_INITIAL_INDEX_SIZE = 2 * Capacity / BLOCK_SIZE;
};

template <typename Item, std::size_t Capacity>
struct Queue {
    using Message = Item;
    using Tokens = moodycamel::ConcurrentQueue<Message, Traits<Capacity>>;

    struct Sender {
        explicit Sender(Queue &owner) : queue(owner.queue), token(owner.queue) {}
        bool push(const Message &message) { return queue.try_enqueue(token, message); }
        std::size_t push_bulk(const Message *messages, std::size_t count) {
            // All or nothing. An attempt in vain is dear, and so those for which there is room go one by one.
            return queue.try_enqueue_bulk(token, messages, count) ? count : bench::push_each(*this, messages, count);
        }
        Tokens &queue;
        moodycamel::ProducerToken token;
    };

    struct Receiver {
        explicit Receiver(Queue &owner) : queue(owner.queue), token(owner.queue) {}
        bool pop(Message &message) { return queue.try_dequeue(token, message); }
        std::size_t pop_bulk(Message *messages, std::size_t count) {
            return queue.try_dequeue_bulk(token, messages, count);
        }
        Tokens &queue;
        moodycamel::ConsumerToken token;
    };

    Tokens queue{Capacity};
};

// Between two threads.
template <typename Item>
using PairQueue = Queue<Item, bench::capacity<Item>()>;

} // namespace

extern "C" const bench::Table *ringway_concurrent_queue(std::size_t length) noexcept {
    return bench::table_for<PairQueue>(length);
}

extern "C" const bench::Table *ringway_concurrent_queue_of_many(std::size_t length) noexcept {
    static const bench::Table slots = bench::table<Queue<std::uint64_t, bench::SHARED_CAPACITY>>();
    return length == sizeof(std::uint64_t) ? &slots : nullptr;
}
