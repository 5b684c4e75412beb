"""Ask judges about predictions: the judges, the wording of their questions, and the parsing of their replies.

Between a scorer and a server a request has three types, and so has its reply:

    Question         of a protocol: the call, the parser of its reply, the settings of further attempts
    JudgeCall        one attempt: the messages, and the inputs they were made from; `Judge.ask` takes it
    Request          the same in the form for one server: the body that is sent, and the key of its reply

    RequestOutcome   what a request ended as, after all attempts
    StoredReply      a reply that was paid for, as the reply store keeps it
    JudgeReply       the text, or why there is none; `Judge.ask` returns it, and the question reads the answer in it
"""
