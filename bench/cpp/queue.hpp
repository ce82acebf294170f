// What a queue of a C++ library offers to the benchmark: a table of functions for each queue and length of message.
//
//   create ──▶ queue ──▶ sender   ──▶ push, push_bulk, send    (a thread that sends has a sender of its own)
//                   └──▶ receiver ──▶ pop, pop_bulk, receive   (a thread that receives has a receiver of its own)
//
// A file here adapts one library: a class `Queue<Message>` with the classes `Sender` and `Receiver`, each of which has the
// library's own calls and whatever token the library wants. `table<Queue<Message>>` makes functions of them.
//
// `send` and `receive` are the benchmark's loops for messages one at a time (`work::flows`): a call from Rust for
// each message would take time that a C++ program does not pay (of Boost's spsc_queue and 8 bytes, 40 % of all).

#pragma once

#include <cstddef>
#include <cstdint>

namespace bench {

// What a message says: src/memory/message.rs.
constexpr std::uint64_t SALT = 0x9e3779b97f4a7c15;
constexpr std::uint64_t STEP = 0xd1342543de82ef95;
constexpr std::uint64_t STRIDE = 0xa0761d6478bd642f;

// Bytes of a queue, and its fewest messages: as rtrb has, which is the rival.
constexpr std::size_t CAPACITY_BYTES = 256 << 10;
constexpr std::size_t CAPACITY_MIN = 64;

// How many messages a queue holds.
template <typename Message>
constexpr std::size_t capacity() {
    constexpr std::size_t count = CAPACITY_BYTES / sizeof(Message);
    return count < CAPACITY_MIN ? CAPACITY_MIN : count;
}

// How many messages of 8 bytes a queue holds that several threads send to and several receive from:
// src/systems/mpmc/mod.rs.
constexpr std::size_t SHARED_CAPACITY = 8 << 10;

// A message that is longer than a word. It starts at a cache line.
template <std::size_t Length>
struct alignas(64) Record {
    static constexpr std::size_t COUNT = Length / sizeof(std::uint64_t) - 1;
    std::uint64_t words[COUNT];
    std::uint64_t sum;
};

// The first word of message `sequence`.
inline std::uint64_t seal(std::uint64_t sequence) {
    return SALT + sequence * STEP;
}

// Writes message `sequence`.
inline void fill(std::uint64_t &message, std::uint64_t sequence) {
    message = seal(sequence);
}

// Whether it is message `sequence`.
inline bool is_right(const std::uint64_t &message, std::uint64_t sequence) {
    return message == seal(sequence);
}

// What the words of message `sequence` sum up to.
template <std::size_t Count>
std::uint64_t checksum(std::uint64_t sequence) {
    return Count * seal(sequence) + Count * (Count - 1) / 2 * STRIDE;
}

// As above.
template <std::size_t Length>
void fill(Record<Length> &message, std::uint64_t sequence) {
    for (std::size_t index = 0; index < message.COUNT; ++index) {
        message.words[index] = seal(sequence) + index * STRIDE;
    }
    message.sum = checksum<Record<Length>::COUNT>(sequence);
}

// As above.
template <std::size_t Length>
bool is_right(const Record<Length> &message, std::uint64_t sequence) {
    std::uint64_t difference = message.sum ^ checksum<Record<Length>::COUNT>(sequence);
    for (std::size_t index = 0; index < message.COUNT; ++index) {
        difference |= message.words[index] ^ (seal(sequence) + index * STRIDE);
    }
    return difference == 0;
}

// What a fault is named by.
inline std::uint64_t first_word(const std::uint64_t &message) {
    return message;
}

// As above.
template <std::size_t Length>
std::uint64_t first_word(const Record<Length> &message) {
    return message.words[0];
}

// How the loops wait: the processor's hint, and once in a while the question whether to go on.
struct Waiting {
    // Whether to go on.
    bool (*look)(const void *deadline);
    const void *deadline;
    // Polls between two looks, less one; a power of two, less one.
    std::uint32_t polls_mask;
};

// One wait.
class Wait {
public:
    explicit Wait(const Waiting &waiting) : waiting(waiting) {}

    bool poll() {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        __asm__ volatile("isb");
#endif
        polls += 1;
        return (polls & waiting.polls_mask) != 0 || waiting.look(waiting.deadline);
    }

private:
    const Waiting &waiting;
    std::uint32_t polls = 0;
};

// How `receive` ended.
enum Outcome : std::int32_t { DONE = 0, HALTED = 1, FAULT = 2 };

// The functions of a queue. Mirrored in src/systems/cpp/queue.rs.
struct Table {
    // The bytes of a queue that has no pointers, so that it may lie in memory that processes share; otherwise 0.
    std::size_t shared_size;
    void *(*create)();
    void (*destroy)(void *queue);
    // As `create`, in the zero bytes at `place`, which starts at a page.
    void *(*create_at)(void *place);
    void *(*sender)(void *queue);
    void (*drop_sender)(void *sender);
    void *(*receiver)(void *queue);
    void (*drop_receiver)(void *receiver);
    // Whether there was room.
    bool (*push)(void *sender, const void *message);
    // Whether there was a message.
    bool (*pop)(void *receiver, void *message);
    // How many there was room for.
    std::size_t (*push_bulk)(void *sender, const void *messages, std::size_t count);
    // How many there were.
    std::size_t (*pop_bulk)(void *receiver, void *messages, std::size_t count);
    // Messages from number `first` on, one at a time. Of a wrong one, `wrong` gets the first word and the number.
    std::int32_t (*send)(void *sender, std::uint64_t first, std::uint64_t count, const Waiting *waiting);
    std::int32_t (*receive)(
        void *receiver, std::uint64_t first, std::uint64_t count, const Waiting *waiting, std::uint64_t wrong[2]);
};

template <typename Message, typename Sender>
std::int32_t send(Sender &sender, std::uint64_t first, std::uint64_t count, const Waiting &waiting) {
    for (std::uint64_t sequence = first; sequence != first + count; ++sequence) {
        Message message;
        fill(message, sequence);
        Wait wait(waiting);
        while (!sender.push(message)) {
            if (!wait.poll()) {
                return HALTED;
            }
        }
    }
    return DONE;
}

template <typename Message, typename Receiver>
std::int32_t receive(
    Receiver &receiver, std::uint64_t first, std::uint64_t count, const Waiting &waiting, std::uint64_t wrong[2]) {
    for (std::uint64_t sequence = first; sequence != first + count; ++sequence) {
        Message message;
        Wait wait(waiting);
        while (!receiver.pop(message)) {
            if (!wait.poll()) {
                return HALTED;
            }
        }
        if (!is_right(message, sequence)) {
            wrong[0] = first_word(message);
            wrong[1] = sequence;
            return FAULT;
        }
    }
    return DONE;
}

// Messages one by one, for a queue that has no call for several.
template <typename Sender, typename Message>
std::size_t push_each(Sender &sender, const Message *messages, std::size_t count) {
    std::size_t pushed = 0;
    while (pushed < count && sender.push(messages[pushed])) {
        pushed += 1;
    }
    return pushed;
}

// As `push_each`.
template <typename Receiver, typename Message>
std::size_t pop_each(Receiver &receiver, Message *messages, std::size_t count) {
    std::size_t popped = 0;
    while (popped < count && receiver.pop(messages[popped])) {
        popped += 1;
    }
    return popped;
}

// An exception in one of these functions ends the process: none may reach Rust.
template <typename Queue>
struct Functions {
    using Message = typename Queue::Message;
    using Sender = typename Queue::Sender;
    using Receiver = typename Queue::Receiver;

    static void *create() noexcept { return new Queue(); }
    static void destroy(void *queue) noexcept { delete static_cast<Queue *>(queue); }
    static void *create_at(void *place) noexcept { return new (place) Queue(); }
    static void *sender(void *queue) noexcept { return new Sender(*static_cast<Queue *>(queue)); }
    static void drop_sender(void *sender) noexcept { delete static_cast<Sender *>(sender); }
    static void *receiver(void *queue) noexcept { return new Receiver(*static_cast<Queue *>(queue)); }
    static void drop_receiver(void *receiver) noexcept { delete static_cast<Receiver *>(receiver); }

    static bool push(void *sender, const void *message) noexcept {
        return static_cast<Sender *>(sender)->push(*static_cast<const Message *>(message));
    }
    static bool pop(void *receiver, void *message) noexcept {
        return static_cast<Receiver *>(receiver)->pop(*static_cast<Message *>(message));
    }
    static std::size_t push_bulk(void *sender, const void *messages, std::size_t count) noexcept {
        return static_cast<Sender *>(sender)->push_bulk(static_cast<const Message *>(messages), count);
    }
    static std::size_t pop_bulk(void *receiver, void *messages, std::size_t count) noexcept {
        return static_cast<Receiver *>(receiver)->pop_bulk(static_cast<Message *>(messages), count);
    }
    static std::int32_t send(
        void *sender, std::uint64_t first, std::uint64_t count, const Waiting *waiting) noexcept {
        return bench::send<Message>(*static_cast<Sender *>(sender), first, count, *waiting);
    }
    static std::int32_t receive(
        void *receiver,
        std::uint64_t first,
        std::uint64_t count,
        const Waiting *waiting,
        std::uint64_t wrong[2]) noexcept {
        return bench::receive<Message>(*static_cast<Receiver *>(receiver), first, count, *waiting, wrong);
    }
};

// The table of a queue. `IsShared` says that it has no pointers.
template <typename Queue, bool IsShared = false>
constexpr Table table() {
    using All = Functions<Queue>;
    return Table{
        IsShared ? sizeof(Queue) : 0,
        All::create,
        All::destroy,
        All::create_at,
        All::sender,
        All::drop_sender,
        All::receiver,
        All::drop_receiver,
        All::push,
        All::pop,
        All::push_bulk,
        All::pop_bulk,
        All::send,
        All::receive,
    };
}

// The table of a kind of queue for messages of that length, or nothing. It is `static` because a template that has a
// template as its argument is, unlike one that has a type, the same to the linker in all files, though the argument is in
// a namespace without a name: two files that call their queues alike would have one table.
template <template <typename> class Queue, bool IsShared = false>
static const Table *table_for(std::size_t length) {
    static const Table slots = table<Queue<std::uint64_t>, IsShared>();
    static const Table lines = table<Queue<Record<64>>, IsShared>();
    static const Table records = table<Queue<Record<1024>>, IsShared>();
    switch (length) {
    case 8:
        return &slots;
    case 64:
        return &lines;
    case 1024:
        return &records;
    default:
        return nullptr;
    }
}

} // namespace bench
