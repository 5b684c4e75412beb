/** The frames of a clip: cells of one picture, each with the number and the time of its frame. */
import { plain } from "../common/outside";
import type { Clip } from "../payload";
import { seconds } from "./clip";

interface Props {
  clip: Clip;
  seek: (medium: number, time: number) => void;
}

interface Frame {
  medium: number;
  number: number;
  time: number | undefined;
}

export function Strip({ clip, seek }: Props) {
  const frames = clip.media.flatMap(({ frames, times }, medium) =>
    frames.map((number, i): Frame => ({ medium, number, time: times[i] })),
  );
  if (!frames.length) return <p>The frames were not recorded.</p>;
  return (
    <ol class="strip" tabIndex={0} aria-label="Frames shown to the model">
      {frames.map((frame, i) => {
        const time = frame.time === undefined ? "" : seconds(frame.time);
        const playable = frame.time !== undefined && Boolean(clip.media[frame.medium]!.url);
        const inside = (
          <>
            {clip.strip && i < clip.strip.frames && <Cell clip={clip} strip={clip.strip} index={i} />}
            <span class="times">
              <b>{frame.number}</b> {time}
            </span>
          </>
        );
        const label = `Frame ${frame.number}${time && `, ${time}`}`;
        return (
          <li key={i}>
            {playable ? (
              <button type="button" aria-label={`${label}: go there`} onClick={() => seek(frame.medium, frame.time!)}>
                {inside}
              </button>
            ) : (
              inside
            )}
          </li>
        );
      })}
    </ol>
  );
}

type CellProps = { clip: Clip; strip: NonNullable<Clip["strip"]>; index: number };

function Cell({ clip, strip, index }: CellProps) {
  const [width, height] = strip.cell;
  const row = Math.floor(index / strip.columns);
  const column = index % strip.columns;
  return (
    <svg
      role="img"
      aria-label={`Frame ${index + 1} of ${plain(clip.name, 80)}`}
      viewBox={`${column * width} ${row * height} ${width} ${height}`}
    >
      <image
        href={strip.url}
        width={width * strip.columns}
        height={height * Math.ceil(strip.frames / strip.columns)}
        preserveAspectRatio="none"
      />
    </svg>
  );
}
