// Boost.Lockfree: https://www.boost.org/doc/libs/release/doc/html/lockfree.html
//
// `spsc_queue` and `queue`, both of a capacity that is fixed when they are compiled: they allocate nothing, and have no
// pointers. `queue` has no call for several messages.

#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>

#include "queue.hpp"

namespace {

template <typename Item>
struct SpscQueue {
    using Message = Item;
    using Fixed = boost::lockfree::spsc_queue<Message, boost::lockfree::capacity<bench::capacity<Message>()>>;

    struct Sender {
        explicit Sender(SpscQueue &owner) : queue(owner.queue) {}
        bool push(const Message &message) { return queue.push(message); }
        std::size_t push_bulk(const Message *messages, std::size_t count) { return queue.push(messages, count); }
        Fixed &queue;
    };

    struct Receiver {
        explicit Receiver(SpscQueue &owner) : queue(owner.queue) {}
        bool pop(Message &message) { return queue.pop(message); }
        std::size_t pop_bulk(Message *messages, std::size_t count) { return queue.pop(messages, count); }
        Fixed &queue;
    };

    alignas(64) Fixed queue;
};

template <typename Item, std::size_t Capacity>
struct MpmcQueue {
    using Message = Item;
    using Fixed = boost::lockfree::queue<Message, boost::lockfree::capacity<Capacity>>;

    struct Sender {
        explicit Sender(MpmcQueue &owner) : queue(owner.queue) {}
        bool push(const Message &message) { return queue.push(message); }
        std::size_t push_bulk(const Message *messages, std::size_t count) {
            return bench::push_each(*this, messages, count);
        }
        Fixed &queue;
    };

    struct Receiver {
        explicit Receiver(MpmcQueue &owner) : queue(owner.queue) {}
        bool pop(Message &message) { return queue.pop(message); }
        std::size_t pop_bulk(Message *messages, std::size_t count) {
            return bench::pop_each(*this, messages, count);
        }
        Fixed &queue;
    };

    Fixed queue;
};

// Between two threads.
template <typename Item>
using PairQueue = MpmcQueue<Item, bench::capacity<Item>()>;

} // namespace

extern "C" const bench::Table *ringway_boost_spsc_queue(std::size_t length) noexcept {
    return bench::table_for<SpscQueue, true>(length);
}

extern "C" const bench::Table *ringway_boost_queue(std::size_t length) noexcept {
    return bench::table_for<PairQueue>(length);
}

extern "C" const bench::Table *ringway_boost_queue_of_many(std::size_t length) noexcept {
    static const bench::Table slots = bench::table<MpmcQueue<std::uint64_t, bench::SHARED_CAPACITY>>();
    return length == sizeof(std::uint64_t) ? &slots : nullptr;
}
